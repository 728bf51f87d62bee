#include "worker/index/store.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker/index/store_parts.h"
#include "worker/redis/redis_connection.h"

#define AWAY_EVENT        "Redis is away; commands wait"
#define WRONG_TYPE_EVENT  "a key of the index in Redis has another type; commands wait until it is deleted"
#define CHECK_EVERY_MS    1000
#define PATIENCE_EVERY_MS 200
#define FORGIVEN_MS                                                                                                    \
    10000 /* what is refused is tried again sooner, so it is refused no more, or there is nothing to do */

struct store *store_open(const struct config *config)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    store->config = config;
    store->away = (struct log_fault){AWAY_EVENT, "Redis is back", 0};
    store->unsound = (struct log_fault){"Redis is not as it was left; commands wait", "Redis has everything", 0};
    if (redis_epoch_random(store->owner))
        return store;
    free(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    if (store->connection)
        redisFree(store->connection);
    offsets_free(&store->record_ends);
    offsets_free(&store->committed);
    free(store);
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void store_set_patience(struct store *store, store_patience *patience, void *listener)
{
    store->patience = patience;
    store->listener = listener;
}

bool store_is_patient(struct store *store)
{
    int64_t now_ms = monotonic_ms();
    if (!store->patience || now_ms - store->patient_ms < PATIENCE_EVERY_MS)
        return true;
    store->patient_ms = now_ms;
    return store->patience(store->listener);
}

/* What Redis refuses on a sound connection (no right, no memory, read-only) it may refuse on the next one, too: that it
 * answers there does not end the fault. */
bool store_fail(struct store *store, const char *why)
{
    store->retries++;
    if (store->away.began_ms == 0)
        store->away.event = strncmp(why, "WRONGTYPE", strlen("WRONGTYPE")) == 0 ? WRONG_TYPE_EVENT : AWAY_EVENT;
    if (store->connection)
        store->refused = store->connection->err == 0;
    store->failed_ms = monotonic_ms();
    log_fault_begin(&store->away, LOG_LIST(LOG_TEXT("error", why)));
    if (store->connection)
        redisFree(store->connection);
    store->connection = NULL;
    store->sound = false;
    return false;
}

bool store_find_unsound(struct store *store, const char *why)
{
    log_fault_begin(&store->unsound, LOG_LIST(LOG_TEXT("reason", why)));
    store->sound = false;
    return false;
}

bool store_is_sound(const struct store *store)
{
    return store->sound;
}

void store_doubt(struct store *store)
{
    store->sound = false;
}

/* Whether the connection answers, and Redis has the epoch still. */
static bool store_look(struct store *store)
{
    char why[WHY_SIZE];
    redisReply *reply = redisCommand(store->connection, "GET " EPOCH_KEY);
    bool ready = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ready)
        snprintf(why, sizeof(why), "%s", reply ? reply->str : store->connection->errstr);
    else if (store->sound && redis_epoch_compare(&store->epoch, reply) != EPOCH_SAME)
        store_find_unsound(store, "the epoch is not there, or another one");
    freeReplyObject(reply);
    return ready || store_fail(store, why);
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
    if (!store_look(store))
        return false;
    store->checked_ms = now_ms;
    if (!store->refused || now_ms - store->failed_ms >= FORGIVEN_MS)
        store_accepted(store);
    return true;
}

bool store_is_refused(const struct store *store)
{
    return store->refused;
}

void store_accepted(struct store *store)
{
    store->refused = false;
    log_fault_end(&store->away);
}

uint64_t store_retries(const struct store *store)
{
    return store->retries;
}

bool store_reply_span(const redisReply *reply, struct span *value)
{
    *value = SPAN_NONE;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1)
        reply = reply->element[0];
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

redisReply *store_answer(struct store *store, struct redis_pipeline *pipeline, int type)
{
    char why[WHY_SIZE];
    redisReply *reply = pipeline_answer(pipeline, why, sizeof(why));
    if (!reply) {
        store_fail(store, why);
        return NULL;
    }
    if (reply->type == type)
        return reply;
    freeReplyObject(reply);
    store_fail(store, "an unexpected type of answer");
    return NULL;
}

redisReply *store_executed(struct store *store, struct redis_pipeline *pipeline, size_t count)
{
    char why[WHY_SIZE];
    for (size_t i = 0; i <= count; i++) {
        redisReply *queued = store_answer(store, pipeline, REDIS_REPLY_STATUS);
        if (!queued)
            return NULL;
        freeReplyObject(queued);
    }
    redisReply *executed = pipeline_answer(pipeline, why, sizeof(why));
    if (!executed)
        store_fail(store, why);
    if (!executed || (executed->type == REDIS_REPLY_ARRAY && executed->elements == count))
        return executed;
    if (executed->type != REDIS_REPLY_NIL)
        store_fail(store, "an unexpected type of answer");
    freeReplyObject(executed);
    return NULL;
}

redisReply *store_ask(struct store *store, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = store->connection ? redisvCommand(store->connection, format, arguments) : NULL;
    va_end(arguments);
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    if (store->connection)
        store_fail(store, reply ? reply->str : store->connection->errstr);
    freeReplyObject(reply);
    return NULL;
}

bool store_carry_out(struct store *store, struct redis_pipeline *pipeline)
{
    char why[WHY_SIZE] = "sending failed";
    bool fine = pipeline_send(pipeline);
    while (fine && pipeline->count > 0) {
        redisReply *reply = pipeline_answer(pipeline, why, sizeof(why));
        fine = reply != NULL;
        freeReplyObject(reply);
    }
    return fine || store_fail(store, why);
}

void write_word(struct redis_pipeline *pipeline, struct span word)
{
    pipeline_command(pipeline, 1);
    pipeline_parts(pipeline, word);
}

void write_set(struct redis_pipeline *pipeline, struct span key, struct span value)
{
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_parts(pipeline, key);
    pipeline_parts(pipeline, value);
}
