#include "worker/definitions/definitions_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/definitions/definitions_cluster.h"
#include "worker/model/batch.h"
#include "worker/redis/redis_keys.h"

struct definitions_redis {
    const struct config *config;
    redisContext *connection;            /* NULL: of a cluster */
    struct definitions_cluster *cluster; /* NULL: of one server, or one behind Sentinels */
};

struct definitions_redis *definitions_redis_open(const struct config *config, char *error, size_t error_size)
{
    struct definitions_redis *redis = calloc(1, sizeof(*redis));
    snprintf(error, error_size, "out of memory");
    if (!redis)
        return NULL;
    redis->config = config;
    if (config->redis.kind == REDIS_CLUSTER)
        redis->cluster = definitions_cluster_open(config, error, error_size);
    else
        redis->connection = redis_connect(config, error, error_size);
    if (redis->cluster || redis->connection)
        return redis;
    free(redis);
    return NULL;
}

void definitions_redis_close(struct definitions_redis *redis)
{
    if (!redis)
        return;
    if (redis->connection)
        redisFree(redis->connection);
    definitions_cluster_close(redis->cluster);
    free(redis);
}

bool definitions_redis_is_kept(struct definitions_redis *redis, char *error, size_t error_size)
{
    return redis->cluster ? definitions_cluster_is_kept(redis->cluster, error, error_size)
                          : redis_is_still_chosen(redis->config, redis->connection, error, error_size);
}

/* ---- some of them ---- */

static bool append(redisContext *connection, int count, const char **arguments, const size_t *lengths, char *error,
                   size_t error_size)
{
    if (redisAppendCommandArgv(connection, count, arguments, lengths) == REDIS_OK)
        return true;
    snprintf(error, error_size, "%s", connection->errstr);
    return false;
}

/* A command of one argument, the key. */
static bool append_key(redisContext *connection, const char *name, struct span workspace, char *error,
                       size_t error_size)
{
    char key[DEFINITIONS_KEY_SIZE];
    size_t length = definitions_key_text(workspace, key);
    return append(connection, 2, (const char *[]){name, key}, (const size_t[]){strlen(name), length}, error,
                  error_size);
}

/* The next reply, or NULL. */
static redisReply *next_answer(redisContext *connection, char *error, size_t error_size)
{
    void *answer = NULL;
    redisReply *reply = redisGetReply(connection, &answer) == REDIS_OK ? answer : NULL;
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    snprintf(error, error_size, "%s", reply ? reply->str : connection->errstr);
    freeReplyObject(reply);
    return NULL;
}

/* Reads `count` replies and checks them for errors only. */
static bool pass_answers(redisContext *connection, size_t count, char *error, size_t error_size)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        redisReply *reply = next_answer(connection, error, error_size);
        ok = reply != NULL;
        freeReplyObject(reply);
    }
    return ok;
}

/* MGET treats a key that holds no string like a missing one. */
static bool get(redisContext *connection, bool watches, const struct span *workspaces, size_t count,
                redisReply **answers, char *error, size_t error_size)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok && watches; i++)
        ok = append_key(connection, "WATCH", workspaces[i], error, error_size);
    for (size_t i = 0; i < count && ok; i++)
        ok = append_key(connection, "MGET", workspaces[i], error, error_size);
    ok = ok && pass_answers(connection, watches ? count : 0, error, error_size);
    for (size_t i = 0; i < count; i++) {
        answers[i] = ok ? next_answer(connection, error, error_size) : NULL;
        ok = answers[i] != NULL;
    }
    for (size_t i = 0; i < count && !ok; i++) {
        freeReplyObject(answers[i]);
        answers[i] = NULL;
    }
    return ok;
}

bool definitions_redis_get(struct definitions_redis *redis, const struct span *workspaces, size_t count,
                           redisReply **answers, char *error, size_t error_size)
{
    if (redis->cluster)
        return definitions_cluster_get(redis->cluster, workspaces, count, answers, error, error_size);
    return get(redis->connection, false, workspaces, count, answers, error, error_size);
}

bool definitions_redis_watch(struct definitions_redis *redis, const struct span *workspaces, size_t count,
                             redisReply **answers, char *error, size_t error_size)
{
    if (redis->cluster)
        return definitions_cluster_watch(redis->cluster, workspaces, count, answers, error, error_size);
    return get(redis->connection, true, workspaces, count, answers, error, error_size);
}

struct span definitions_redis_value(const redisReply *answer)
{
    bool has =
        answer->type == REDIS_REPLY_ARRAY && answer->elements == 1 && answer->element[0]->type == REDIS_REPLY_STRING;
    return has ? span_of(answer->element[0]->str, (size_t)answer->element[0]->len) : SPAN_NONE;
}

/* ---- all of them ---- */

#define SCAN_COUNT    "1000"
#define GET_AT_A_TIME ((size_t)64) /* values in memory at once */

static bool visit_some(struct definitions_redis *redis, const struct span *workspaces, size_t count,
                       definitions_redis_visitor *visit, void *listener, char *error, size_t error_size)
{
    redisReply *answers[GET_AT_A_TIME];
    bool ok = definitions_redis_get(redis, workspaces, count, answers, error, error_size);
    for (size_t i = 0; i < count; i++) {
        ok = ok && visit(listener, workspaces[i], definitions_redis_value(answers[i]), error, error_size);
        freeReplyObject(answers[i]);
    }
    return ok;
}

static bool visit_page(struct definitions_redis *redis, const redisReply *keys, definitions_redis_visitor *visit,
                       void *listener, char *error, size_t error_size)
{
    struct span workspaces[GET_AT_A_TIME];
    size_t count = 0;
    bool ok = true;
    for (size_t i = 0; i < keys->elements && ok; i++) {
        const redisReply *key = keys->element[i];
        struct span workspace = definitions_key_workspace(span_of(key->str, (size_t)key->len));
        if (workspace.at && workspace.length <= WORKSPACE_ID_CHARACTERS)
            workspaces[count++] = workspace;
        if (count == GET_AT_A_TIME) {
            ok = visit_some(redis, workspaces, count, visit, listener, error, error_size);
            count = 0;
        }
    }
    return ok && visit_some(redis, workspaces, count, visit, listener, error, error_size);
}

/* SCAN goes through the keys bit by bit, so that Redis can serve others in between. */
static bool scan_server(struct definitions_redis *redis, definitions_redis_visitor *visit, void *listener, char *error,
                        size_t error_size)
{
    char cursor[32] = "0";
    bool ok = true;
    do {
        redisReply *page =
            redisCommand(redis->connection, "SCAN %s MATCH " DEFINITIONS_KEYS_PATTERN " COUNT " SCAN_COUNT, cursor);
        ok = page && page->type == REDIS_REPLY_ARRAY && page->elements == 2;
        if (!ok)
            snprintf(error, error_size, "%s",
                     page && page->type == REDIS_REPLY_ERROR ? page->str : redis->connection->errstr);
        else
            snprintf(cursor, sizeof(cursor), "%s", page->element[0]->str);
        ok = ok && visit_page(redis, page->element[1], visit, listener, error, error_size);
        freeReplyObject(page);
    } while (ok && strcmp(cursor, "0") != 0);
    return ok;
}

static bool scan_cluster(struct definitions_redis *redis, definitions_redis_visitor *visit, void *listener, char *error,
                         size_t error_size)
{
    struct definitions_names names;
    if (!definitions_cluster_names(redis->cluster, &names, error, error_size))
        return false;
    bool ok = true;
    for (size_t at = 0; at < names.count && ok; at += GET_AT_A_TIME) {
        const size_t some = names.count - at < GET_AT_A_TIME ? names.count - at : GET_AT_A_TIME;
        ok = visit_some(redis, names.items + at, some, visit, listener, error, error_size);
    }
    definitions_names_free(&names);
    return ok;
}

bool definitions_redis_scan(struct definitions_redis *redis, definitions_redis_visitor *visit, void *listener,
                            char *error, size_t error_size)
{
    return redis->cluster ? scan_cluster(redis, visit, listener, error, error_size)
                          : scan_server(redis, visit, listener, error, error_size);
}

/* ---- several at a time ---- */

bool definitions_redis_exist(struct definitions_redis *redis, const struct span *workspaces, size_t count, bool *exist,
                             char *error, size_t error_size)
{
    redisContext *connection = redis->connection;
    bool ok = true;
    if (redis->cluster)
        return definitions_cluster_exist(redis->cluster, workspaces, count, exist, error, error_size);
    for (size_t i = 0; i < count && ok; i++)
        ok = append_key(connection, "EXISTS", workspaces[i], error, error_size);
    for (size_t i = 0; i < count && ok; i++) {
        redisReply *reply = next_answer(connection, error, error_size);
        ok = reply != NULL;
        exist[i] = ok && reply->integer == 1;
        freeReplyObject(reply);
    }
    return ok;
}

static bool append_word(redisContext *connection, const char *word, char *error, size_t error_size)
{
    return append(connection, 1, (const char *[]){word}, (const size_t[]){strlen(word)}, error, error_size);
}

static bool append_change(redisContext *connection, const struct definitions_change *change, char *error,
                          size_t error_size)
{
    if (!change->value.at)
        return append_key(connection, "DEL", change->workspace, error, error_size);
    char key[DEFINITIONS_KEY_SIZE];
    size_t length = definitions_key_text(change->workspace, key);
    return append(connection, 3, (const char *[]){"SET", key, change->value.at},
                  (const size_t[]){3, length, change->value.length}, error, error_size);
}

/* *executed: whether the transaction was, or some watched key had changed. */
static bool change_at_once(redisContext *connection, const struct definitions_change *changes, size_t count,
                           bool *executed, char *error, size_t error_size)
{
    bool ok = append_word(connection, "MULTI", error, error_size);
    for (size_t i = 0; i < count && ok; i++)
        ok = append_change(connection, &changes[i], error, error_size);
    ok = ok && append_word(connection, "EXEC", error, error_size) &&
         pass_answers(connection, 1 + count, error, error_size);
    redisReply *reply = ok ? next_answer(connection, error, error_size) : NULL;
    *executed = reply && reply->type == REDIS_REPLY_ARRAY;
    freeReplyObject(reply);
    return reply != NULL;
}

bool definitions_redis_change(struct definitions_redis *redis, const struct definitions_change *changes, size_t count,
                              bool *done, char *error, size_t error_size)
{
    redisContext *connection = redis->connection;
    bool executed;
    if (redis->cluster)
        return definitions_cluster_change(redis->cluster, changes, count, done, error, error_size);
    if (count == 0)
        return append_word(connection, "UNWATCH", error, error_size) && pass_answers(connection, 1, error, error_size);
    if (!change_at_once(connection, changes, count, &executed, error, error_size))
        return false;
    for (size_t i = 0; i < count; i++)
        done[i] = executed;
    return true;
}

bool definitions_redis_settle(struct definitions_redis *redis, bool *settled, char *error, size_t error_size)
{
    *settled = true;
    return !redis->cluster || definitions_cluster_settle(redis->cluster, settled, error, error_size);
}
