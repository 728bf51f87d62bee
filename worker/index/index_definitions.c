/* The definitions that a batch needs: fresh ones come from the cache, the others from one read. Where they take many
 * bytes, they are read in portions, until the cache is full. */
#include "worker/definitions/definitions_cache.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/index/index_internal.h"
#include "worker/redis/redis_connection.h"

#define TTL_MISSING (-2) /* PTTL: there is no such key */

/* The batch's distinct workspaces that must be read, and each item's entry. */
struct look_up {
    struct definitions_entry **stale;
    uint32_t stale_count;
    uint32_t asked;                     /* so many of them, the first ones, were asked for */
    uint32_t taken;                     /* so many of them, the first ones, are in the cache */
    struct definitions_entry **entries; /* by item; NULL: the item needs none */
};

static bool item_needs_definitions(const struct item *item)
{
    return item_is_ours(item) && item->workspace.at && item->outcome == OUTCOME_UNDECIDED;
}

/* False when out of memory. */
static bool find_entries(struct look_up *look_up, struct definitions_cache *cache, const struct batch *batch)
{
    look_up->stale_count = look_up->asked = look_up->taken = 0;
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

/* Asks for the next portion. The epoch is read last: if it is the same, both the sets that were read and those in the
 * cache are right. */
static bool ask(struct redis_pipeline *pipeline, const struct definitions_cache *cache, struct look_up *look_up)
{
    const uint32_t left = look_up->stale_count - look_up->asked;
    const uint32_t first = look_up->asked;
    if (left > 0)
        look_up->asked += definitions_cache_portion(cache, look_up->stale + first, left);
    for (uint32_t i = first; i < look_up->asked; i++) {
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

/* The answers about a workspace that turned out to have no room. */
static bool pass_entry(struct index *index, struct redis_pipeline *pipeline, struct definitions_entry *entry)
{
    char error[ERROR_TEXT_BYTES];
    for (int answers = 0; answers < 2; answers++) {
        redisReply *answer = pipeline_answer(pipeline, error, sizeof(error));
        if (!answer)
            return index_fail(index, error);
        freeReplyObject(answer);
    }
    entry->fresh = false;
    return true;
}

static bool has_room(const struct definitions_cache *cache, const struct look_up *look_up)
{
    return look_up->taken == 0 || !definitions_cache_is_full(cache);
}

/* Takes as many of the portion as there is room for, and one at least of the batch. */
static bool take_entries(struct index *index, struct redis_pipeline *pipeline, struct definitions_cache *cache,
                         struct look_up *look_up)
{
    bool ok = true;
    for (uint32_t i = look_up->taken; ok && i < look_up->asked; i++) {
        const bool taken = i == look_up->taken && has_room(cache, look_up);
        ok = taken ? take_entry(index, pipeline, cache, look_up->stale[i])
                   : pass_entry(index, pipeline, look_up->stale[i]);
        look_up->taken += taken;
    }
    return ok;
}

/* The workspaces after the last portion: the cache has no room for them. */
static void leave_others(const struct look_up *look_up)
{
    for (uint32_t i = look_up->asked; i < look_up->stale_count; i++)
        look_up->stale[i]->fresh = false;
}

/* One run. *finding: whether all answers belong to the epoch that the cache knows. */
static bool look_up_run(struct index *index, struct definitions_cache *cache, struct batch *batch,
                        struct look_up *look_up, enum epoch_finding *finding)
{
    char error[ERROR_TEXT_BYTES];
    if (!find_entries(look_up, cache, batch))
        return index_fail(index, "out of memory");
    do {
        struct redis_pipeline pipeline;
        pipeline_open(&pipeline, index->connection, &batch->arena);
        if (!ask(&pipeline, cache, look_up))
            return index_fail(index, "sending failed");
        if (!take_entries(index, &pipeline, cache, look_up))
            return false;
        if (!redis_epoch_answer(&index->epoch, &pipeline, finding, error, sizeof(error)))
            return index_fail(index, error);
    } while (*finding == EPOCH_SAME && look_up->taken < look_up->stale_count && has_room(cache, look_up));
    leave_others(look_up);
    return true;
}

/* Gives the items their definitions, up to the first one whose entry has no room. Returns how many of ours these are.
 */
static uint32_t give_definitions(const struct look_up *look_up, struct batch *batch)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct definitions_entry *entry = look_up->entries[i];
        if (entry && !entry->fresh)
            break;
        if (entry) {
            batch->items[i].definitions = entry->definitions;
            batch->items[i].definitions_broken = entry->broken;
        }
        known += item_is_ours(&batch->items[i]);
    }
    return known;
}

/* True if what the cache holds was read from this server, and from the data that the audit found. */
static bool cache_is_of_server(struct index *index, const char *server)
{
    const bool is = strcmp(index->definitions_server, server) == 0 &&
                    memcmp(&index->definitions_epoch, &index->epoch, sizeof(index->epoch)) == 0;
    snprintf(index->definitions_server, sizeof(index->definitions_server), "%s", server);
    index->definitions_epoch = index->epoch;
    return is;
}

bool index_definitions(struct index *index, struct definitions_cache *cache, struct batch *batch, uint32_t *known)
{
    size_t mark = batch->arena.used;
    struct look_up look_up = {.stale = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.stale)),
                              .entries = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.entries))};
    enum epoch_finding finding;
    char server[REDIS_ADDRESS_BYTES];
    if (index->shards)
        return index_cluster_definitions(index, cache, batch, known);
    if (!index->verified || !index->connection)
        return false;
    redis_address(index->connection, server);
    if (!cache_is_of_server(index, server))
        definitions_cache_void(cache);
    definitions_cache_begin(cache, server, index->config->redis.timeout_ms);
    if (!look_up_run(index, cache, batch, &look_up, &finding))
        return false;
    if (finding != EPOCH_SAME) {
        index->definitions_epoch.known = false; /* what was read may belong to either epoch */
        return index_invalidate(index, "the epoch is missing or different");
    }
    *known = give_definitions(&look_up, batch);
    arena_reset(&batch->arena, mark);
    return true;
}
