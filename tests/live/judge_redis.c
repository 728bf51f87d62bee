/* Whether Redis is the fold of the record topic: all of it, and nothing else. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/evidence.h"
#include "tests/live/report.h"

#define PIPELINE 500 /* records asked for in one round trip */

static redisReply *answer_of(redisContext *redis)
{
    void *reply = NULL;
    if (redisGetReply(redis, &reply) != REDIS_OK) {
        fprintf(stderr, "redis: %s\n", redis->errstr);
        exit(69);
    }
    return reply;
}

static struct bytes reply_bytes(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? (struct bytes){reply->str, reply->len} : (struct bytes){NULL, 0};
}

/* Several messages of one client, which RECORD_ONCE reports, count as their last. */
static bool is_last_of_client(const struct evidence *evidence, size_t index)
{
    const struct record *record = &evidence->records_by_key[index];
    return index + 1 == evidence->records.count || strcmp(record->workspace, (record + 1)->workspace) != 0 ||
           strcmp(record->client_id, (record + 1)->client_id) != 0;
}

static void judge_stored(const struct record *record, struct bytes stored, struct bytes owner)
{
    struct bytes value = message_value(record->message);
    char line[2 * ID_BYTES + 3];
    size_t length = (size_t)snprintf(line, sizeof(line), "%s %s\n", record->source, record->hash);
    if (!stored.at)
        breach(CHECK_REDIS_RECORD, "%s is not there", place(record->message));
    else if (stored.length != length + value.length || memcmp(stored.at, line, length) != 0 ||
             memcmp(stored.at + length, value.at, value.length) != 0)
        breach(CHECK_REDIS_RECORD, "%s differs", place(record->message));
    if (!bytes_are(owner, record->client_id))
        breach(CHECK_REDIS_EMAIL, "the email of %s is not that client's", place(record->message));
}

static void judge_slice(const struct evidence *evidence, redisContext *redis, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct record *record = &evidence->records_by_key[i];
        redisAppendCommand(redis, "GET client:{%s}:%s", record->workspace, record->client_id);
        redisAppendCommand(redis, "GET client-email:{%s}:%s", record->workspace, record->email);
    }
    for (size_t i = from; i < to; i++) {
        redisReply *stored = answer_of(redis), *owner = answer_of(redis);
        if (is_last_of_client(evidence, i))
            judge_stored(&evidence->records_by_key[i], reply_bytes(stored), reply_bytes(owner));
        freeReplyObject(stored);
        freeReplyObject(owner);
    }
}

static int compare_texts(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Every key beginning with a prefix, once, sorted. New. */
static char **keys_with(redisContext *redis, const char *prefix, size_t *count)
{
    char **keys = NULL, cursor[32] = "0";
    size_t found = 0, capacity = 0;
    do {
        redisAppendCommand(redis, "SCAN %s MATCH %s* COUNT 1000", cursor, prefix);
        redisReply *reply = answer_of(redis);
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
            fprintf(stderr, "redis: SCAN: %s\n", reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected");
            exit(69);
        }
        snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        for (size_t i = 0; i < reply->element[1]->elements; i++) {
            if (found == capacity) {
                capacity = capacity ? capacity * 2 : 1024;
                keys = realloc(keys, capacity * sizeof(keys[0]));
            }
            keys[found++] = strdup(reply->element[1]->element[i]->str);
        }
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);

    if (found > 0)
        qsort(keys, found, sizeof(keys[0]), compare_texts);
    size_t kept = 0;
    for (size_t i = 0; i < found; i++) {
        if (kept > 0 && strcmp(keys[kept - 1], keys[i]) == 0)
            free(keys[i]);
        else
            keys[kept++] = keys[i];
    }
    *count = kept;
    return keys;
}

/* Reports the keys in Redis that no record accounts for. */
static void judge_others(const struct evidence *evidence, redisContext *redis, const char *prefix, bool by_email)
{
    size_t count, records = evidence->records.count;
    char **keys = keys_with(redis, prefix, &count), **known = calloc(records + 1, sizeof(known[0]));
    for (size_t i = 0; i < records; i++) {
        const struct record *record = &evidence->records_by_key[i];
        const char *last = by_email ? record->email : record->client_id;
        size_t size = strlen(prefix) + strlen(record->workspace) + strlen(last) + 3;
        known[i] = malloc(size);
        snprintf(known[i], size, "%s%s}:%s", prefix, record->workspace, last);
    }
    qsort(known, records, sizeof(known[0]), compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (!bsearch(&keys[i], known, records, sizeof(known[0]), compare_texts))
            breach(CHECK_REDIS_OTHER, "%s", keys[i]);
        free(keys[i]);
    }
    for (size_t i = 0; i < records; i++)
        free(known[i]);
    free(known);
    free(keys);
}

void judge_redis(const struct evidence *evidence)
{
    redisContext *redis = redisConnectUnix(evidence->redis_socket);
    if (!redis || redis->err) {
        fprintf(stderr, "redis: %s: %s\n", evidence->redis_socket, redis ? redis->errstr : "no memory");
        exit(69);
    }
    for (size_t from = 0; from < evidence->records.count; from += PIPELINE) {
        size_t to = from + PIPELINE;
        judge_slice(evidence, redis, from, to < evidence->records.count ? to : evidence->records.count);
    }
    judge_others(evidence, redis, "client:{", false);
    judge_others(evidence, redis, "client-email:{", true);
    redisFree(redis);
}
