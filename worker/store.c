#include "worker/store.h"

#include <stdlib.h>
#include <time.h>

#include "worker/redis_connection.h"
#include "worker/store_parts.h"

#define CHECK_EVERY_MS 1000

struct store *store_open(const struct config *config)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    store->config = config;
    store->away = (struct log_fault){"Redis is away; commands wait", "Redis is back", 0};
    return store;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->connection)
        redisFree(store->connection);
    free(store);
}

bool store_fail(struct store *store, const char *why)
{
    store->retries++;
    log_fault_begin(&store->away, LOG_LIST(LOG_TEXT("error", why)));
    if (store->connection)
        redisFree(store->connection);
    store->connection = NULL;
    return false;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool store_connect(struct store *store)
{
    char why[WHY_SIZE] = "";
    int64_t now_ms = monotonic_ms();
    if (store->connection && now_ms - store->checked_ms < CHECK_EVERY_MS)
        return true;
    if (!store->connection)
        store->connection = redis_connect(store->config, why, sizeof(why));
    if (!store->connection)
        return store_fail(store, why);
    redisReply *reply = redisCommand(store->connection, "PING");
    bool ready = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ready)
        snprintf(why, sizeof(why), "%s", reply ? reply->str : store->connection->errstr);
    if (reply)
        freeReplyObject(reply);
    if (!ready)
        return store_fail(store, why);
    store->checked_ms = now_ms;
    log_fault_end(&store->away);
    return true;
}

uint64_t store_retries(const struct store *store)
{
    return store->retries;
}

bool store_reply_span(const redisReply *reply, struct span *value)
{
    *value = SPAN_NONE;
    if (reply->type == REDIS_REPLY_STRING)
        *value = span_of(reply->str, reply->len);
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_NIL;
}

bool store_read(struct store *store, struct redis_pipeline *pipeline, struct arena *arena, struct span *value)
{
    char why[WHY_SIZE];
    redisReply *reply = pipeline_answer(pipeline, why, sizeof(why));
    if (!reply)
        return store_fail(store, why);
    bool fine = store_reply_span(reply, value);
    if (value->at)
        *value = arena_copy(arena, *value);
    freeReplyObject(reply);
    return fine || store_fail(store, "an unexpected type of answer");
}
