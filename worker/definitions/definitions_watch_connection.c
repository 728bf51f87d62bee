#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/definitions/definitions_watch_internal.h"
#include "worker/redis/redis_keys.h"

#define CHANNEL "__redis__:invalidate"

void watch_lose(struct definitions_watch *watch, const char *error)
{
    if (watch->connection)
        redisFree(watch->connection);
    watch->connection = NULL;
    watch->pinged_ms = 0;
    definitions_versions_grow(&watch->stamps);
    pthread_mutex_lock(&watch->lock);
    watch->connected = false;
    watch->losses++;
    if (watch->sent < watch->wanted)
        watch->sent = watch->wanted;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    if (!atomic_load(&watch->ending))
        log_fault_begin(&watch->away, LOG_LIST(LOG_TEXT("error", error)));
}

static bool watch_ask(redisContext *connection, char *error, const char *format, long long argument, long long *answer)
{
    redisReply *reply = redisCommand(connection, format, argument);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ok)
        snprintf(error, ERROR_TEXT_BYTES, "%s", reply ? reply->str : connection->errstr);
    else if (answer)
        *answer = reply->integer;
    freeReplyObject(reply);
    return ok;
}

/* Redis announces no change before it has confirmed the subscription, so the watch counts as connected only then. */
void watch_connect(struct definitions_watch *watch)
{
    char error[ERROR_TEXT_BYTES] = "";
    long long id = 0;
    redisContext *connection = redis_connect(watch->config, error, sizeof(error));
    if (connection && watch_ask(connection, error, "CLIENT ID", 0, &id) &&
        watch_ask(connection, error, "CLIENT TRACKING ON REDIRECT %lld BCAST PREFIX " DEFINITIONS_KEY_BEFORE, id,
                  NULL) &&
        watch_ask(connection, error, "SUBSCRIBE " CHANNEL, 0, NULL)) {
        watch->connection = connection;
        watch->heard_ms = clock_now_ms();
        definitions_versions_grow(&watch->stamps);
        pthread_mutex_lock(&watch->lock);
        watch->connected = true;
        watch->doubted = false;
        redis_address(connection, watch->server);
        pthread_mutex_unlock(&watch->lock);
        log_fault_end(&watch->away);
        return;
    }
    if (connection)
        redisFree(connection);
    watch_lose(watch, error);
}

static bool watch_send_ping(struct definitions_watch *watch, uint64_t number, char *error)
{
    int done = 0;
    bool ok = redisAppendCommand(watch->connection, "PING %llu", (unsigned long long)number) == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(watch->connection, &done) == REDIS_OK;
    if (!ok) {
        snprintf(error, ERROR_TEXT_BYTES, "%s", watch->connection->errstr);
        return false;
    }
    if (watch->pinged_ms == 0) {
        watch->pinged_ms = clock_now_ms();
        watch->pinged = number;
    }
    return true;
}

/* A caller that comes after the number was taken waits for the next ping, even though this one may not be written yet.
 */
bool watch_ping(struct definitions_watch *watch, char *error)
{
    bool silent = watch->pinged_ms == 0 && clock_now_ms() - watch->heard_ms >= IDLE_PING_MS;
    uint64_t number = 0;
    pthread_mutex_lock(&watch->lock);
    if (silent || watch->wanted > watch->sent)
        number = ++watch->sent;
    pthread_mutex_unlock(&watch->lock);
    return number == 0 || watch_send_ping(watch, number, error);
}

static void watch_take_pong(struct definitions_watch *watch, uint64_t number)
{
    watch->pinged_ms = 0;
    watch->pinged = number + 1;
    pthread_mutex_lock(&watch->lock);
    watch->answered = number;
    /* A later ping is in progress. Redis is alive, so that ping's time limit restarts. */
    if (watch->answered < watch->sent)
        watch->pinged_ms = clock_now_ms();
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

static bool is_text(const redisReply *reply, const char *text)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) && strcmp(reply->str, text) == 0;
}

/* A key that is not custom-fields:{WORKSPACE} belongs to no workspace. */
static void watch_take_key(struct definitions_watch *watch, struct span key)
{
    struct span workspace = definitions_key_workspace(key);
    if (workspace.at)
        definitions_version_grow(&watch->stamps, workspace);
}

/* A Redis that cannot write to its disk replies to a ping with this error, in order, and announces changes as
 * before. */
static bool is_misconf(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MISCONF", 7) == 0;
}

/* ["pong", number], or ["message", channel, keys], with nil for keys when a database was flushed. */
static bool watch_take(struct definitions_watch *watch, const redisReply *reply)
{
    if (watch->pinged_ms && is_misconf(reply)) {
        watch_take_pong(watch, watch->pinged);
        return true;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        return false;
    if (reply->elements == 2 && is_text(reply->element[0], "pong") && reply->element[1]->type == REDIS_REPLY_STRING) {
        watch_take_pong(watch, strtoull(reply->element[1]->str, NULL, 10));
        return true;
    }
    if (reply->elements != 3 || !is_text(reply->element[0], "message") || !is_text(reply->element[1], CHANNEL))
        return false;
    const redisReply *keys = reply->element[2];
    if (keys->type != REDIS_REPLY_ARRAY) {
        definitions_versions_grow(&watch->stamps);
        return true;
    }
    for (size_t i = 0; i < keys->elements; i++)
        if (keys->element[i]->type == REDIS_REPLY_STRING)
            watch_take_key(watch, span_of(keys->element[i]->str, (size_t)keys->element[i]->len));
    return true;
}

bool watch_read(struct definitions_watch *watch, char *error)
{
    void *reply = NULL;
    bool ok = redisBufferRead(watch->connection) == REDIS_OK;
    while (ok && (ok = redisGetReplyFromReader(watch->connection, &reply) == REDIS_OK) && reply) {
        ok = watch_take(watch, reply);
        if (!ok)
            snprintf(error, ERROR_TEXT_BYTES, "an unexpected message");
        freeReplyObject(reply);
    }
    if (!ok && error[0] == '\0')
        snprintf(error, ERROR_TEXT_BYTES, "%s", watch->connection->errstr);
    watch->heard_ms = clock_now_ms();
    return ok;
}
