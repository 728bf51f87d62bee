/* The definitions that a batch needs, on a cluster: as index_definitions.c, but each workspace is read from the master
 * of its slot. Behind each set the epoch of the slot's fence is read: if it is the one that the audit has found, the
 * set is of the data that were found complete. */
#include "worker/definitions/definitions_redis.h"
#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"
#include "worker/index/shards_placement.h"
#include "worker/redis/redis_connection.h"

#define TTL_MISSING (-2) /* PTTL: there is no such key */

/* What was read of a workspace. */
struct reading {
    redisReply *value, *ttl;
};

struct look_up {
    struct shards *shards;
    struct definitions_cache *cache;
    struct batch *batch;
    struct definitions_server *servers; /* by node; server == NULL: it is away */
    struct definitions_entry **entries; /* by item; NULL: the item needs none */
    struct definitions_entry **stale;   /* those that must be read, in the order of the batch */
    struct shards_placement *places;    /* of these; sorted once they are asked for */
    struct reading *readings;           /* of these */
    uint32_t stale_count;
    uint32_t asked; /* so many of them, the first ones, were asked for */
    uint32_t taken; /* so many of them, the first ones, are in the cache */
};

static bool item_needs_definitions(const struct item *item)
{
    return item_is_ours(item) && item->workspace.at && item->outcome == OUTCOME_UNDECIDED;
}

/* ---- the masters, and the entries ---- */

/* The masters from which something may be read; the cache learns what they announce. */
static void begin_cache(struct look_up *look_up)
{
    struct arena *arena = &look_up->batch->arena;
    struct redis_cluster *cluster = look_up->shards->cluster;
    const size_t count = redis_cluster_count(cluster);
    struct definitions_server *there = arena_alloc(arena, count * sizeof(*there));
    size_t there_count = 0, next = 0;
    look_up->servers = arena_alloc(arena, count * sizeof(*look_up->servers));
    for (size_t i = 0; i < count; i++) {
        const struct cluster_node *node = redis_cluster_node(cluster, i);
        look_up->servers[i] = (struct definitions_server){.server = NULL};
        if (!cluster_node_is_there(node))
            continue;
        char *text = arena_alloc(arena, REDIS_ADDRESS_BYTES);
        redis_address(node->connection, text);
        look_up->servers[i].server = text;
        there[there_count++] = look_up->servers[i];
    }
    definitions_cache_begin_with(look_up->cache, there, there_count, look_up->shards->config->redis.timeout_ms);
    for (size_t i = 0; i < count; i++)
        if (look_up->servers[i].server)
            look_up->servers[i] = there[next++];
}

static bool find_entry(struct look_up *look_up, uint32_t number)
{
    const struct item *item = &look_up->batch->items[number];
    const unsigned slot = redis_slot_of(item->workspace);
    uint16_t node;
    if (!shards_may_decide(look_up->shards, item) ||
        redis_cluster_slot(look_up->shards->cluster, slot, &node) != SLOT_SERVED || !look_up->servers[node].server)
        return shards_fail(look_up->shards, "a slot or a partition is not ready");
    struct definitions_entry *entry =
        definitions_cache_entry_at(look_up->cache, item->workspace, &look_up->servers[node]);
    look_up->entries[number] = entry;
    if (!entry)
        return shards_fail(look_up->shards, "out of memory");
    if (entry->fresh)
        return true;
    entry->fresh = true; /* after this look-up; so the next item does not ask again */
    look_up->places[look_up->stale_count] = (struct shards_placement){node, (uint16_t)slot, look_up->stale_count};
    look_up->stale[look_up->stale_count++] = entry;
    return true;
}

static bool find_entries(struct look_up *look_up)
{
    for (uint32_t i = 0; i < look_up->batch->count; i++) {
        look_up->entries[i] = NULL;
        if (item_needs_definitions(&look_up->batch->items[i]) && !find_entry(look_up, i))
            return false;
    }
    return true;
}

/* ---- a portion ---- */

static void ask(struct look_up *look_up, struct cluster_pipelines *pipelines, const struct shards_placement *places,
                uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct redis_pipeline *pipeline = cluster_pipelines_to(pipelines, places[i].node);
        const struct span workspace = look_up->stale[places[i].number]->workspace;
        pipeline_read_parts(pipeline, DEFINITIONS_READ_BYTES, DEFINITIONS_KEY(workspace));
        pipeline_command(pipeline, 2);
        pipeline_parts(pipeline, SPAN("PTTL"));
        pipeline_parts(pipeline, DEFINITIONS_KEY(workspace));
        pipeline_command(pipeline, 3);
        pipeline_parts(pipeline, SPAN("HGET"));
        pipeline_parts(pipeline, FENCE_KEY(redis_slot_tag(places[i].slot)));
        pipeline_parts(pipeline, SPAN("epoch"));
    }
    cluster_pipelines_send(pipelines);
}

static redisReply *take_answer(struct look_up *look_up, struct cluster_pipelines *pipelines,
                               const struct shards_placement *place)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(look_up->shards, pipelines, place->node, place->slot, &end, &failure);
    if (!reply)
        (void)shards_refused(look_up->shards, place->slot, end, &failure);
    return reply;
}

/* The answers about a workspace. False if one is missing, or if the slot has another epoch. */
static bool read_answers(struct look_up *look_up, struct cluster_pipelines *pipelines,
                         const struct shards_placement *place)
{
    struct reading *reading = &look_up->readings[place->number];
    reading->value = take_answer(look_up, pipelines, place);
    reading->ttl = take_answer(look_up, pipelines, place);
    redisReply *epoch = take_answer(look_up, pipelines, place);
    bool ok = reading->value && reading->ttl && epoch;
    if (ok &&
        (slot_book_trust(look_up->shards->book, place->slot) != TRUST_SOUND || epoch->type != REDIS_REPLY_STRING ||
         !span_equal(span_of(epoch->str, epoch->len), slot_book_epoch(look_up->shards->book, place->slot)))) {
        slot_book_doubt(look_up->shards->book, place->slot);
        ok = shards_fail(look_up->shards, "the epoch of a slot is missing or different");
    }
    freeReplyObject(epoch);
    return ok;
}

static bool put(struct look_up *look_up, uint32_t number)
{
    const struct reading *reading = &look_up->readings[number];
    struct span json;
    if (!index_reply_span(reading->value, &json) || reading->ttl->type != REDIS_REPLY_INTEGER)
        return shards_fail(look_up->shards, "an unexpected type of answer");
    if (reading->value->type == REDIS_REPLY_STRING && !json.at && reading->ttl->integer != TTL_MISSING)
        json = SPAN("");
    return definitions_cache_put(look_up->cache, look_up->stale[number], json, reading->ttl->integer) ||
           shards_fail(look_up->shards, "out of memory");
}

static bool has_room(const struct look_up *look_up)
{
    return look_up->taken == 0 || !definitions_cache_is_full(look_up->cache);
}

/* Takes as many of the portion as there is room for, and one at least of the batch. */
static bool take(struct look_up *look_up)
{
    bool ok = true;
    for (uint32_t i = look_up->taken; ok && i < look_up->asked; i++) {
        if (i != look_up->taken || !has_room(look_up))
            look_up->stale[i]->fresh = false;
        else if ((ok = put(look_up, i)))
            look_up->taken++;
    }
    return ok;
}

static bool read_portion(struct look_up *look_up)
{
    struct cluster_pipelines pipelines;
    const uint32_t first = look_up->asked, left = look_up->stale_count - first;
    const uint32_t count = definitions_cache_portion(look_up->cache, look_up->stale + first, left);
    struct shards_placement *places = look_up->places + first;
    bool ok = cluster_pipelines_open(&pipelines, look_up->shards->cluster, &look_up->batch->arena);
    if (!ok)
        return shards_fail(look_up->shards, "out of memory");
    look_up->asked += count;
    shards_placements_sort(places, count);
    ask(look_up, &pipelines, places, count);
    for (uint32_t i = 0; i < count; i++)
        ok &= read_answers(look_up, &pipelines, &places[i]);
    cluster_pipelines_close(&pipelines);
    ok = ok && take(look_up);
    for (uint32_t i = first; i < look_up->asked; i++) {
        freeReplyObject(look_up->readings[i].value);
        freeReplyObject(look_up->readings[i].ttl);
    }
    return ok;
}

/* ---- the whole ---- */

/* Gives the items their definitions, up to the first one whose entry has no room. Returns how many of ours these are.
 */
static uint32_t give(struct look_up *look_up)
{
    uint32_t known = 0;
    for (uint32_t i = look_up->asked; i < look_up->stale_count; i++)
        look_up->stale[i]->fresh = false;
    for (uint32_t i = 0; i < look_up->batch->count; i++) {
        const struct definitions_entry *entry = look_up->entries[i];
        struct item *item = &look_up->batch->items[i];
        if (entry && !entry->fresh)
            break;
        if (entry) {
            item->definitions = entry->definitions;
            item->definitions_broken = entry->broken;
        }
        known += item_is_ours(item);
    }
    return known;
}

bool shards_definitions(struct shards *shards, struct definitions_cache *cache, struct batch *batch, uint32_t *known)
{
    const size_t mark = batch->arena.used;
    struct look_up look_up = {.shards = shards,
                              .cache = cache,
                              .batch = batch,
                              .entries = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.entries)),
                              .stale = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.stale)),
                              .places = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.places)),
                              .readings = arena_alloc(&batch->arena, batch->count * sizeof(*look_up.readings))};
    begin_cache(&look_up);
    bool ok = find_entries(&look_up);
    while (ok && look_up.asked < look_up.stale_count && (look_up.asked == 0 || has_room(&look_up)) &&
           look_up.taken == look_up.asked)
        ok = read_portion(&look_up);
    if (ok)
        *known = give(&look_up);
    arena_reset(&batch->arena, mark);
    return ok;
}
