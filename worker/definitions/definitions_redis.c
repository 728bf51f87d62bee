#include "worker/definitions/definitions_redis.h"

#include <stdio.h>

#include "worker/redis/redis_keys.h"

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

bool definitions_redis_get(redisContext *connection, const struct span *workspaces, size_t count, redisReply **answers,
                           char *error, size_t error_size)
{
    return get(connection, false, workspaces, count, answers, error, error_size);
}

bool definitions_redis_watch(redisContext *connection, const struct span *workspaces, size_t count,
                             redisReply **answers, char *error, size_t error_size)
{
    return get(connection, true, workspaces, count, answers, error, error_size);
}

struct span definitions_redis_value(const redisReply *answer)
{
    bool has =
        answer->type == REDIS_REPLY_ARRAY && answer->elements == 1 && answer->element[0]->type == REDIS_REPLY_STRING;
    return has ? span_of(answer->element[0]->str, (size_t)answer->element[0]->len) : SPAN_NONE;
}

bool definitions_redis_exist(redisContext *connection, const struct span *workspaces, size_t count, bool *exist,
                             char *error, size_t error_size)
{
    bool ok = true;
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

bool definitions_redis_change(redisContext *connection, const struct definitions_change *changes, size_t count,
                              bool *done, char *error, size_t error_size)
{
    *done = count == 0;
    if (count == 0)
        return append_word(connection, "UNWATCH", error, error_size) && pass_answers(connection, 1, error, error_size);
    bool ok = append_word(connection, "MULTI", error, error_size);
    for (size_t i = 0; i < count && ok; i++)
        ok = append_change(connection, &changes[i], error, error_size);
    ok = ok && append_word(connection, "EXEC", error, error_size) &&
         pass_answers(connection, 1 + count, error, error_size);
    redisReply *executed = ok ? next_answer(connection, error, error_size) : NULL;
    *done = executed && executed->type == REDIS_REPLY_ARRAY;
    freeReplyObject(executed);
    return executed != NULL;
}
