#include "tests/live/redis_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void give_up(const char *what, const char *error)
{
    fprintf(stderr, "redis: %s: %s\n", what, error);
    exit(69);
}

static redisContext *connect_to(const char *place)
{
    char host[256];
    const char *colon = place[0] == '/' ? NULL : strrchr(place, ':');
    if (colon)
        snprintf(host, sizeof(host), "%.*s", (int)(colon - place), place);
    redisContext *redis = colon ? redisConnect(host, atoi(colon + 1)) : redisConnectUnix(place);
    if (!redis || redis->err)
        give_up(place, redis ? redis->errstr : "no memory");
    return redis;
}

void redis_reader_open(struct redis_reader *redis, const char *places)
{
    redis->count = 0;
    for (const char *at = places; at && redis->count < REDIS_READER_SERVERS;) {
        char place[512];
        const char *comma = strchr(at, ',');
        snprintf(place, sizeof(place), "%.*s", (int)(comma ? comma - at : (long)strlen(at)), at);
        redis->servers[redis->count++] = connect_to(place);
        at = comma ? comma + 1 : NULL;
    }
}

void redis_reader_close(struct redis_reader *redis)
{
    for (size_t i = 0; i < redis->count; i++)
        redisFree(redis->servers[i]);
    redis->count = 0;
}

void redis_reader_get(struct redis_reader *redis, const char *format, ...)
{
    char key[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(key, sizeof(key), format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < redis->count; i++)
        redisAppendCommand(redis->servers[i], "GET %s", key);
}

static redisReply *next_answer(redisContext *redis)
{
    void *answer = NULL;
    if (redisGetReply(redis, &answer) != REDIS_OK)
        give_up("connection", redis->errstr);
    return answer;
}

/* Masters that do not have the slot say MOVED. */
redisReply *redis_reader_answer(struct redis_reader *redis)
{
    redisReply *found = NULL;
    for (size_t i = 0; i < redis->count; i++) {
        redisReply *answer = next_answer(redis->servers[i]);
        const bool is_better = !found || found->type == REDIS_REPLY_ERROR;
        freeReplyObject(is_better ? found : answer);
        found = is_better ? answer : found;
    }
    return found;
}

struct bytes redis_reader_bytes(const redisReply *answer)
{
    return answer->type == REDIS_REPLY_STRING ? (struct bytes){answer->str, answer->len} : (struct bytes){NULL, 0};
}

static void redis_keys_add(struct redis_keys *keys, const char *name)
{
    if (keys->count == keys->capacity) {
        keys->capacity = keys->capacity ? keys->capacity * 2 : 1024;
        keys->names = realloc(keys->names, keys->capacity * sizeof(keys->names[0]));
        if (!keys->names)
            give_up("keys", "no memory");
    }
    keys->names[keys->count++] = arena_text(&keys->arena, name, strlen(name));
}

static bool has_prefix(const char *key)
{
    return strncmp(key, CLIENT_KEYS, strlen(CLIENT_KEYS)) == 0 || strncmp(key, EMAIL_KEYS, strlen(EMAIL_KEYS)) == 0;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* SCAN may return a key more than once. */
static void redis_keys_sort(struct redis_keys *keys)
{
    size_t kept = 0;
    if (keys->count > 0)
        qsort(keys->names, keys->count, sizeof(keys->names[0]), compare_names);
    for (size_t i = 0; i < keys->count; i++)
        if (kept == 0 || strcmp(keys->names[kept - 1], keys->names[i]) != 0)
            keys->names[kept++] = keys->names[i];
    keys->count = kept;
}

static void read_keys_of(struct redis_keys *keys, redisContext *redis,
                         bool (*wanted)(const char *key, const void *context), const void *context)
{
    char cursor[32] = "0";
    do {
        redisAppendCommand(redis, "SCAN %s COUNT 1000", cursor);
        redisReply *answer = next_answer(redis);
        if (answer->type != REDIS_REPLY_ARRAY || answer->elements != 2)
            give_up("SCAN", answer->type == REDIS_REPLY_ERROR ? answer->str : "unexpected answer");
        snprintf(cursor, sizeof(cursor), "%s", answer->element[0]->str);
        for (size_t i = 0; i < answer->element[1]->elements; i++) {
            const char *key = answer->element[1]->element[i]->str;
            if (has_prefix(key) && (!wanted || wanted(key, context)))
                redis_keys_add(keys, key);
        }
        freeReplyObject(answer);
    } while (strcmp(cursor, "0") != 0);
}

void redis_keys_read(struct redis_keys *keys, struct redis_reader *redis,
                     bool (*wanted)(const char *key, const void *context), const void *context)
{
    for (size_t i = 0; i < redis->count; i++)
        read_keys_of(keys, redis->servers[i], wanted, context);
    redis_keys_sort(keys);
}

void redis_keys_free(struct redis_keys *keys)
{
    free(keys->names);
    arena_free(&keys->arena);
    *keys = (struct redis_keys){0};
}
