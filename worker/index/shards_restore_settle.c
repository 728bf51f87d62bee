/* The checkpoints of a shard of which all slots were restored: one for each partition, unless its owner has written it
 * meanwhile. */
#include "worker/index/index_internal.h"
#include "worker/index/shards_restore_internal.h"

/* A shard while its checkpoints are written. */
struct settled {
    uint16_t node;
    unsigned slot;
    struct fence fence;
    struct fence_settlement *settlements;
};

/* The checkpoint's text; at == NULL if nothing was ever committed. */
static struct span value_of(const struct shards_restore *restore, const struct shards_progress *progress,
                            int32_t partition, struct span ends)
{
    struct offsets *highest = &restore->shards->committed;
    const int64_t committed = progress->committed->at[partition];
    char head[CHECKPOINT_HEAD_BYTES];
    offsets_raise(highest, partition, committed);
    if (progress->highest)
        offsets_raise(highest, partition, offsets_get(progress->highest, partition));
    if (offsets_get(highest, partition) == OFFSET_NONE)
        return SPAN_NONE;
    const struct checkpoint checkpoint = {committed == OFFSET_NONE ? 0 : committed, offsets_get(highest, partition),
                                          offsets_get(progress->nonces, partition), progress->read_ms};
    const struct span before = checkpoint_write_head(&checkpoint, head);
    return arena_format(restore->scratch, "%.*s%.*s", SPAN_FORMAT(before), SPAN_FORMAT(ends));
}

/* Shards whose lowest slot is sound. */
static uint32_t find_shards(struct shards_restore *restore, const struct shards_progress *progress,
                            const bool *is_complete, struct settled **found)
{
    struct shards *shards = restore->shards;
    const int32_t count = progress->committed->count;
    uint32_t kept = 0;
    *found = arena_alloc(restore->scratch, restore->master_count * sizeof(**found));
    for (size_t i = 0; i < redis_cluster_count(shards->cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(shards->cluster, i);
        bool is = false;
        for (size_t j = 0; j < restore->master_count; j++)
            is |= is_complete[j] && restore->masters[j].connection == node->number;
        if (!is || !cluster_node_is_there(node) || slot_book_trust(shards->book, node->master.lowest) != TRUST_SOUND)
            continue;
        struct settled *one = &(*found)[kept++];
        *one = (struct settled){.node = (uint16_t)i, .slot = node->master.lowest};
        one->fence = shards_fence(shards, one->slot, restore->scratch);
        one->settlements = arena_alloc(restore->scratch, (size_t)count * sizeof(*one->settlements));
        for (int32_t j = 0; j < count; j++)
            one->settlements[j] = (struct fence_settlement){
                .key = shards_checkpoint_key(shards, i, shards_place(shards, j, restore->scratch), restore->scratch)};
    }
    return kept;
}

/* Reads what is there. False if that is not possible. */
static bool read_before(struct shards_restore *restore, struct settled *settled, uint32_t shard_count, int32_t count)
{
    struct cluster_pipelines pipelines;
    bool ok = true;
    if (!cluster_pipelines_open(&pipelines, restore->shards->cluster, restore->scratch))
        return false;
    for (uint32_t i = 0; i < shard_count; i++)
        for (int32_t j = 0; j < count; j++)
            pipeline_read_parts(cluster_pipelines_to(&pipelines, settled[i].node), OFFSETS_BYTES,
                                settled[i].settlements[j].key);
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < shard_count; i++) {
        for (int32_t j = 0; j < count; j++) {
            enum script_end end;
            struct script_failure failure;
            struct span text = SPAN_NONE;
            redisReply *reply =
                shards_answer(restore->shards, &pipelines, settled[i].node, settled[i].slot, &end, &failure);
            ok &= reply && index_reply_span(reply, &text);
            if (text.at)
                settled[i].settlements[j].before = arena_copy(restore->scratch, text);
            freeReplyObject(reply);
        }
    }
    cluster_pipelines_close(&pipelines);
    return ok;
}

static void write_after(struct shards_restore *restore, const struct settled *settled, uint32_t shard_count,
                        int32_t count)
{
    struct cluster_pipelines pipelines;
    if (!cluster_pipelines_open(&pipelines, restore->shards->cluster, restore->scratch))
        return;
    for (uint32_t i = 0; i < shard_count; i++)
        fence_send_settle(cluster_pipelines_to(&pipelines, settled[i].node), &settled[i].fence, settled[i].settlements,
                          (uint32_t)count, SCRIPT_BY_NAME);
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < shard_count; i++) {
        enum script_end end;
        struct script_failure failure;
        uint32_t changed;
        redisReply *reply =
            shards_answer(restore->shards, &pipelines, settled[i].node, settled[i].slot, &end, &failure);
        if (reply)
            end = fence_take_settled(restore->scratch, reply, &changed, &failure);
        if (end != SCRIPT_DONE)
            (void)shards_refused(restore->shards, settled[i].slot, end, &failure);
        freeReplyObject(reply);
    }
    cluster_pipelines_close(&pipelines);
}

void shards_restore_settle(struct shards_restore *restore, const struct shards_progress *progress,
                           const bool *is_complete)
{
    const size_t mark = restore->scratch->used;
    const int32_t count = progress->committed->count;
    struct settled *settled;
    const uint32_t shard_count = find_shards(restore, progress, is_complete, &settled);
    const struct span ends = offsets_text(progress->record_ends, restore->scratch);
    if (shard_count > 0 && count > 0 && read_before(restore, settled, shard_count, count)) {
        for (int32_t j = 0; j < count; j++) {
            const struct span value = value_of(restore, progress, j, ends);
            for (uint32_t i = 0; i < shard_count; i++)
                settled[i].settlements[j].value = value;
        }
        write_after(restore, settled, shard_count, count);
    }
    arena_reset(restore->scratch, mark);
}
