/* How far the partitions of this worker are claimed, beside their terms: raised before the claims, which are on other
 * masters. If a log ends before that, commands are gone, and nobody settles their claims. Only the owner of a partition
 * looks for that. It has all slots restored, and decides nothing of the partition until they are; then it lowers the
 * mark. So another owner finds the same, should this one be gone before. */
#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"

/* The offset behind the partition's last command that claims. */
static int64_t claimed_of(const struct batch *batch, int32_t partition)
{
    int64_t claimed = OFFSET_NONE;
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].from.partition == partition && item_claims(&batch->items[i]) &&
            batch->items[i].from.offset >= claimed)
            claimed = batch->items[i].from.offset + 1;
    return claimed;
}

struct raise {
    int32_t partition;
    int64_t claimed;
    struct span place, text;
    unsigned slot;
    uint16_t node;
};

static struct raise make_raise(const struct shards *shards, int32_t partition, int64_t claimed, struct arena *arena)
{
    struct raise raise = {.partition = partition, .claimed = claimed};
    raise.place = shards_place(shards, partition, arena);
    raise.text = arena_format(arena, "%lld", (long long)claimed);
    raise.slot = shards_term_slot(raise.place);
    return raise;
}

static uint32_t find_raises(const struct shards *shards, struct batch *batch, struct raise **raises)
{
    struct batch_part *parts;
    const uint32_t count = batch_parts(batch, &parts);
    uint32_t kept = 0;
    *raises = arena_alloc(&batch->arena, count * sizeof(**raises));
    for (uint32_t i = 0; i < count; i++) {
        const int64_t claimed = claimed_of(batch, parts[i].partition);
        if (claimed <= offsets_get(&shards->claimed, parts[i].partition))
            continue;
        (*raises)[kept++] = make_raise(shards, parts[i].partition, claimed, &batch->arena);
    }
    return kept;
}

static bool take_raise(struct shards *shards, struct cluster_pipelines *pipelines, const struct raise *raise)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(shards, pipelines, raise->node, raise->slot, &end, &failure);
    if (reply)
        end = index_script_look(pipelines->arena, reply, &failure);
    freeReplyObject(reply);
    if (end == SCRIPT_DONE)
        offsets_set(&shards->claimed, raise->partition, raise->claimed);
    if (end == SCRIPT_STALE)
        shards_lose_term(shards, raise->partition, failure.text);
    return end == SCRIPT_DONE || shards_fail(shards, "a partition has another owner, or its term is not known");
}

/* Writes the marks. True if all of them stand. */
static bool write_marks(struct shards *shards, struct raise *raises, uint32_t count, struct arena *arena)
{
    struct cluster_pipelines pipelines;
    bool ok = true;
    for (uint32_t i = 0; i < count && ok; i++)
        ok = redis_cluster_slot(shards->cluster, raises[i].slot, &raises[i].node) == SLOT_SERVED;
    if (!ok)
        return shards_fail(shards, "the master that keeps a partition's term is away");
    if (count == 0)
        return true;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, arena))
        return shards_fail(shards, "out of memory");
    for (uint32_t i = 0; i < count; i++) {
        struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, raises[i].node);
        index_script_begin(pipeline, SCRIPT_CLAIMED, SCRIPT_BY_NAME, 2, 2);
        pipeline_parts(pipeline, TERM_KEY(raises[i].place));
        pipeline_parts(pipeline, SLOT_CLAIMED_KEY(raises[i].place));
        pipeline_parts(pipeline, span_of_text(shards_partition(shards, raises[i].partition)->term.text));
        pipeline_parts(pipeline, raises[i].text);
    }
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < count; i++)
        ok &= take_raise(shards, &pipelines, &raises[i]);
    cluster_pipelines_close(&pipelines);
    return ok;
}

bool shards_raise_claimed(struct shards *shards, struct batch *batch)
{
    struct raise *raises;
    const uint32_t count = find_raises(shards, batch, &raises);
    return write_marks(shards, raises, count, &batch->arena);
}

void shards_lower_claimed(struct shards *shards, struct arena *scratch)
{
    const size_t mark = scratch->used;
    uint32_t count = 0;
    struct raise *raises = arena_alloc(scratch, (size_t)shards->partition_count * sizeof(*raises));
    for (int32_t i = 0; i < shards->partition_count; i++) {
        const struct shards_partition *partition = &shards->partitions[i];
        if (partition->is_cut)
            raises[count++] = make_raise(shards, i, partition->cut_to, scratch);
    }
    if (count > 0 && slot_book_count(shards->book, 0, TRUST_SOUND) == REDIS_SLOTS &&
        write_marks(shards, raises, count, scratch))
        for (uint32_t i = 0; i < count; i++)
            shards_partition(shards, raises[i].partition)->is_cut = false;
    arena_reset(scratch, mark);
}
