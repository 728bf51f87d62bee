#include "worker/definitions/definitions_redis.h"

#include <stdio.h>

#include "worker/model/batch.h"
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

/* ---- all of them ---- */

#define SCAN_COUNT    "1000"
#define GET_AT_A_TIME ((size_t)64) /* values in memory at once */

static bool visit_some(redisContext *connection, const struct span *workspaces, size_t count,
                       definitions_redis_visitor *visit, void *listener, char *error, size_t error_size)
{
    redisReply *answers[GET_AT_A_TIME];
    bool ok = definitions_redis_get(connection, workspaces, count, answers, error, error_size);
    for (size_t i = 0; i < count; i++) {
        ok = ok && visit(listener, workspaces[i], definitions_redis_value(answers[i]), error, error_size);
        freeReplyObject(answers[i]);
    }
    return ok;
}

static bool visit_page(redisContext *connection, const redisReply *keys, definitions_redis_visitor *visit,
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
            ok = visit_some(connection, workspaces, count, visit, listener, error, error_size);
            count = 0;
        }
    }
    return ok && visit_some(connection, workspaces, count, visit, listener, error, error_size);
}

/* SCAN goes through the keys bit by bit, so that Redis can serve others in between. */
bool definitions_redis_scan(redisContext *connection, definitions_redis_visitor *visit, void *listener, char *error,
                            size_t error_size)
{
    char cursor[32] = "0";
    bool ok = true;
    do {
        redisReply *page =
            redisCommand(connection, "SCAN %s MATCH " DEFINITIONS_KEYS_PATTERN " COUNT " SCAN_COUNT, cursor);
        ok = page && page->type == REDIS_REPLY_ARRAY && page->elements == 2;
        if (!ok)
            snprintf(error, error_size, "%s", page && page->type == REDIS_REPLY_ERROR ? page->str : connection->errstr);
        else
            snprintf(cursor, sizeof(cursor), "%s", page->element[0]->str);
        ok = ok && visit_page(connection, page->element[1], visit, listener, error, error_size);
        freeReplyObject(page);
    } while (ok && strcmp(cursor, "0") != 0);
    return ok;
}

/* ---- several at a time ---- */

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
