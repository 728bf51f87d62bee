/* What is written into each shard of a cluster around the commit of a batch, untouched shards included: that it is
 * about to be committed, and its checkpoints. */
#include "common/clock.h"
#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"

/* What is written into a shard. */
struct shards_written {
    uint16_t node;
    unsigned slot; /* of its checkpoints */
    struct fence fence;
    struct span *keys;
};

typedef struct span key_of(const struct shards *shards, size_t node, struct span place, struct arena *arena);

static struct fence_part *make_parts(struct shards *shards, const struct batch_part *parts, uint32_t count,
                                     struct arena *arena)
{
    struct fence_part *made = arena_alloc(arena, count * sizeof(*made));
    for (uint32_t i = 0; i < count; i++)
        made[i] = (struct fence_part){.partition = parts[i].partition,
                                      .place = shards_place(shards, parts[i].partition, arena),
                                      .term = span_of_text(shards_partition(shards, parts[i].partition)->term.text),
                                      .committed = offsets_get(&shards->committed, parts[i].partition)};
    return made;
}

/* `ends`: up to where records are in Redis; empty for an announcement. */
static struct span *make_values(struct shards *shards, const struct batch_part *parts, uint32_t count, int64_t nonce,
                                struct span ends, struct arena *arena)
{
    struct span *values = arena_alloc(arena, count * sizeof(*values));
    for (uint32_t i = 0; i < count; i++) {
        char head[CHECKPOINT_HEAD_BYTES];
        const int64_t highest = offsets_get(&shards->committed, parts[i].partition);
        const struct checkpoint checkpoint = {parts[i].next, highest > parts[i].next ? highest : parts[i].next,
                                              nonce > 0 ? nonce : OFFSET_NONE, clock_wall_ms()};
        const struct span before = checkpoint_write_head(&checkpoint, head);
        values[i] = arena_format(arena, "%.*s%.*s", SPAN_FORMAT(before), SPAN_FORMAT(ends));
    }
    return values;
}

/* The shards that are there, complete, and whose lowest slot is sound. */
static uint32_t find_shards(struct shards *shards, const struct fence_part *parts, uint32_t count, key_of *key,
                            struct shards_written **found, struct arena *arena)
{
    const size_t nodes = redis_cluster_count(shards->cluster);
    uint32_t kept = 0;
    *found = arena_alloc(arena, nodes * sizeof(**found));
    for (size_t i = 0; i < nodes; i++) {
        const struct cluster_node *node = redis_cluster_node(shards->cluster, i);
        const unsigned slot = node->master.lowest;
        if (!cluster_node_is_there(node) || slot_book_trust(shards->book, slot) != TRUST_SOUND ||
            slot_book_connection(shards->book, slot) != node->number ||
            !slot_book_is_complete(shards->book, node->number))
            continue;
        struct shards_written *one = &(*found)[kept++];
        *one = (struct shards_written){.node = (uint16_t)i, .slot = slot, .fence = shards_fence(shards, slot, arena)};
        one->fence.parts = parts;
        one->fence.part_count = count;
        one->keys = arena_alloc(arena, count * sizeof(*one->keys));
        for (uint32_t j = 0; j < count; j++)
            one->keys[j] = key(shards, i, parts[j].place, arena);
    }
    return kept;
}

static bool take_written(struct shards *shards, struct cluster_pipelines *pipelines,
                         const struct shards_written *written)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(shards, pipelines, written->node, written->slot, &end, &failure);
    if (reply)
        end = index_script_look(pipelines->arena, reply, &failure);
    freeReplyObject(reply);
    return end == SCRIPT_DONE || shards_refused(shards, written->slot, end, &failure);
}

/* ---- before the commit ---- */

void shards_announce_prepare(struct shards *shards, struct batch *batch, struct shards_announcement *announcement)
{
    struct batch_part *parts;
    const uint32_t count = batch_parts(batch, &parts);
    *announcement = (struct shards_announcement){.part_count = count};
    if (count == 0 || batch->nonce <= 0)
        return;
    announcement->values = make_values(shards, parts, count, batch->nonce, SPAN(""), &batch->arena);
    announcement->count = find_shards(shards, make_parts(shards, parts, count, &batch->arena), count,
                                      shards_announced_key, &announcement->written, &batch->arena);
}

void shards_announce_write(struct cluster_pipelines *pipelines, const struct shards_announcement *announcement)
{
    for (uint32_t i = 0; i < announcement->count; i++)
        fence_send_checkpoints(cluster_pipelines_to(pipelines, announcement->written[i].node),
                               &announcement->written[i].fence, announcement->written[i].keys, announcement->values,
                               announcement->part_count, SCRIPT_BY_NAME);
}

void shards_announce_take(struct shards *shards, struct cluster_pipelines *pipelines,
                          const struct shards_announcement *announcement)
{
    for (uint32_t i = 0; i < announcement->count; i++)
        (void)take_written(shards, pipelines, &announcement->written[i]);
}

/* ---- after the commit ---- */

void shards_checkpoint(struct shards *shards, struct batch *batch, const struct offsets *record_ends, int64_t nonce)
{
    const size_t mark = batch->arena.used;
    struct batch_part *parts;
    const uint32_t count = batch_parts(batch, &parts);
    struct cluster_pipelines pipelines;
    struct shards_written *written;
    if (count == 0)
        return;
    if (index_is_of_other_log(shards->config, &shards->record_ends, record_ends)) {
        slot_book_distrust_all(shards->book);
        arena_reset(&batch->arena, mark);
        return;
    }
    offsets_raise_all(&shards->record_ends, record_ends);
    for (uint32_t i = 0; i < count; i++)
        offsets_raise(&shards->committed, parts[i].partition, parts[i].next);
    const struct fence_part *fence_parts = make_parts(shards, parts, count, &batch->arena);
    const struct span *values =
        make_values(shards, parts, count, nonce, offsets_text(&shards->record_ends, &batch->arena), &batch->arena);
    const uint32_t shard_count =
        find_shards(shards, fence_parts, count, shards_checkpoint_key, &written, &batch->arena);
    if (cluster_pipelines_open(&pipelines, shards->cluster, &batch->arena)) {
        for (uint32_t i = 0; i < shard_count; i++)
            fence_send_checkpoints(cluster_pipelines_to(&pipelines, written[i].node), &written[i].fence,
                                   written[i].keys, values, count, SCRIPT_BY_NAME);
        cluster_pipelines_send(&pipelines);
        for (uint32_t i = 0; i < shard_count; i++)
            (void)take_written(shards, &pipelines, &written[i]);
        cluster_pipelines_close(&pipelines);
    }
    arena_reset(&batch->arena, mark);
}
