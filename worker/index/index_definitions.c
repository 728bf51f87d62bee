/* The definitions that a batch needs: fresh ones come from the cache, the others from one read. */
#include "worker/definitions/definitions_cache.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/index/index_internal.h"

#define TTL_MISSING (-2) /* PTTL: there is no such key */

/* The batch's distinct workspaces that must be read, and each item's entry. */
struct look_up {
    struct definitions_entry **stale;
    uint32_t stale_count;
    struct definitions_entry **entries; /* by item; NULL: the item needs none */
};

static bool item_needs_definitions(const struct item *item)
{
    return item_is_ours(item) && item->workspace.at && item->outcome == OUTCOME_UNDECIDED;
}

/* False when out of memory. */
static bool find_entries(struct look_up *look_up, struct definitions_cache *cache, const struct batch *batch)
{
    look_up->stale_count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        look_up->entries[i] = NULL;
        if (!item_needs_definitions(&batch->items[i]))
            continue;
        struct definitions_entry *entry = definitions_cache_entry(cache, batch->items[i].workspace);
        look_up->entries[i] = entry;
        if (!entry)
            return false;
        if (entry->fresh)
            continue;
        entry->fresh = true; /* after this look-up; so the next item does not ask again */
        look_up->stale[look_up->stale_count++] = entry;
    }
    return true;
}

/* The epoch is read last: if it is the same, both the sets that were read and those in the cache are right. */
static bool ask(struct redis_pipeline *pipeline, const struct look_up *look_up)
{
    for (uint32_t i = 0; i < look_up->stale_count; i++) {
        struct span workspace = look_up->stale[i]->workspace;
        pipeline_read_parts(pipeline, DEFINITIONS_READ_BYTES, DEFINITIONS_KEY(workspace));
        pipeline_command(pipeline, 2);
        pipeline_parts(pipeline, SPAN("PTTL"));
        pipeline_parts(pipeline, DEFINITIONS_KEY(workspace));
    }
    redis_epoch_ask(pipeline);
    return pipeline_send(pipeline);
}

static bool take_entry(struct index *index, struct redis_pipeline *pipeline, struct definitions_cache *cache,
                       struct definitions_entry *entry)
{
    char error[ERROR_TEXT_BYTES];
    redisReply *value = pipeline_answer(pipeline, error, sizeof(error));
    redisReply *ttl = value ? pipeline_answer(pipeline, error, sizeof(error)) : NULL;
    bool ok = ttl != NULL;
    if (ok) {
        struct span json;
        ok = index_reply_span(value, &json) && ttl->type == REDIS_REPLY_INTEGER;
        bool is_empty = value->type == REDIS_REPLY_STRING && !json.at && ok && ttl->integer != TTL_MISSING;
        if (is_empty)
            json = SPAN("");
        if (!ok)
            snprintf(error, sizeof(error), "an unexpected type of answer");
        else if (!(ok = definitions_cache_put(cache, entry, json, ttl->integer)))
            snprintf(error, sizeof(error), "out of memory");
    }
    if (value)
        freeReplyObject(value);
    if (ttl)
        freeReplyObject(ttl);
    return ok || index_fail(index, error);
}

/* One run. *finding: whether all answers belong to the epoch that the cache knows. */
static bool look_up_run(struct index *index, struct definitions_cache *cache, struct batch *batch,
                        struct look_up *look_up, enum epoch_finding *finding)
{
    char error[ERROR_TEXT_BYTES];
    if (!find_entries(look_up, cache, batch))
        return index_fail(index, "out of memory");
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    if (!ask(&pipeline, look_up))
        return index_fail(index, "sending failed");
    for (uint32_t i = 0; i < look_up->stale_count; i++)
        if (!take_entry(index, &pipeline, cache, look_up->stale[i]))
            return false;
    return redis_epoch_answer(&index->epoch, &pipeline, finding, error, sizeof(error)) || index_fail(index, error);
}

bool index_definitions(struct index *index, struct definitions_cache *cache, struct batch *batch)
{
    size_t mark = batch->arena.used;
    struct look_up look_up = {.stale = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.stale)),
                              .entries = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.entries))};
    enum epoch_finding finding;
    if (!index->verified)
        return false;
    if (memcmp(&index->definitions_epoch, &index->epoch, sizeof(index->epoch)) != 0)
        definitions_cache_void(cache);
    index->definitions_epoch = index->epoch;
    definitions_cache_begin(cache, index->config->redis.timeout_ms);
    if (!look_up_run(index, cache, batch, &look_up, &finding))
        return false;
    if (finding != EPOCH_SAME) {
        index->definitions_epoch.known = false; /* what was read may belong to either epoch */
        return index_invalidate(index, "the epoch is missing or different");
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!look_up.entries[i])
            continue;
        batch->items[i].definitions = look_up.entries[i]->definitions;
        batch->items[i].definitions_broken = look_up.entries[i]->broken;
    }
    arena_reset(&batch->arena, mark);
    return true;
}
