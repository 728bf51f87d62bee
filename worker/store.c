#include "worker/store.h"

#include <stdlib.h>

#include "worker/redis_connection.h"
#include "worker/store_parts.h"

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

bool store_connect(struct store *store)
{
    char why[WHY_SIZE] = "";
    if (store->connection)
        return true;
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

static void write_get_definitions(struct redis_pipeline *pipeline, struct span workspace)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("GET"));
    pipeline_parts(pipeline, SPAN("custom-fields:{"), workspace, SPAN("}"));
}

static bool item_needs_definitions(const struct item *item)
{
    return !item->dropped && item->workspace.at && item->outcome == OUTCOME_UNDECIDED;
}

/* The entries that the batch needs and that were not read yet, each once. Returns their number. */
static uint32_t stale_entries(struct definitions_cache *cache, struct batch *batch, struct definitions_entry **stale)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!item_needs_definitions(&batch->items[i]))
            continue;
        struct definitions_entry *entry = definitions_cache_entry(cache, batch->items[i].workspace);
        if (entry->fresh)
            continue;
        entry->fresh = true;
        stale[count++] = entry;
    }
    return count;
}

static bool read_definitions(struct store *store, struct definitions_cache *cache, struct redis_pipeline *pipeline,
                             struct definitions_entry *entry)
{
    char why[WHY_SIZE];
    redisReply *reply = pipeline_answer(pipeline, why, sizeof(why));
    if (!reply)
        return store_fail(store, why);
    struct span json;
    if (!store_reply_span(reply, &json))
        json = SPAN("\"not a string\"");
    definitions_cache_put(cache, entry, json);
    freeReplyObject(reply);
    return true;
}

bool store_definitions(struct store *store, struct definitions_cache *cache, struct batch *batch)
{
    size_t mark = batch->arena.used;
    definitions_cache_begin(cache);
    struct definitions_entry **stale = arena_alloc(&batch->arena, batch->count * sizeof(struct definitions_entry *));
    uint32_t count = stale_entries(cache, batch, stale);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    for (uint32_t i = 0; i < count; i++)
        write_get_definitions(&pipeline, stale[i]->workspace);
    if (!pipeline_send(&pipeline))
        return store_fail(store, "out of memory");
    for (uint32_t i = 0; i < count; i++)
        if (!read_definitions(store, cache, &pipeline, stale[i]))
            return false;
    arena_reset(&batch->arena, mark);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (!item_needs_definitions(item))
            continue;
        const struct definitions_entry *entry = definitions_cache_entry(cache, item->workspace);
        item->definitions = entry->definitions;
        item->definitions_broken = entry->broken;
    }
    return true;
}
