/* The claims of a batch on a cluster: its commands by slot, and each slot's by the decision script. */
#include "common/failpoint.h"
#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"
#include "worker/index/shards_placement.h"

/* ---- groups ---- */

bool shards_may_decide(const struct shards *shards, const struct item *item)
{
    const struct shards_partition *partition = shards_partition(shards, item->from.partition);
    uint16_t node;
    if (!partition || partition->state != TERM_USABLE || partition->is_cut)
        return false;
    if (!item->workspace.at)
        return true;
    const unsigned slot = redis_slot_of(item->workspace);
    return redis_cluster_slot(shards->cluster, slot, &node) == SLOT_SERVED &&
           !redis_cluster_node(shards->cluster, node)->is_doubtful &&
           slot_book_trust(shards->book, slot) == TRUST_SOUND;
}

static bool place_items(struct shards *shards, struct batch *batch, struct shards_placement *placed, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        uint16_t node;
        if (!item_is_ours(item))
            continue;
        if (!shards_may_decide(shards, item))
            return shards_fail(shards, "a slot or a partition is not ready");
        if (!item->workspace.at)
            continue;
        const unsigned slot = redis_slot_of(item->workspace);
        (void)redis_cluster_slot(shards->cluster, slot, &node);
        placed[(*count)++] = (struct shards_placement){node, (uint16_t)slot, i};
    }
    shards_placements_sort(placed, *count);
    return true;
}

/* The group's part of a partition is added if it has none. The commands of a partition are consecutive. */
static void add_part(struct shards *shards, struct fence_part *parts, uint32_t *count, int32_t partition,
                     struct arena *arena)
{
    for (uint32_t i = *count; i > 0; i--)
        if (parts[i - 1].partition == partition)
            return;
    parts[(*count)++] = (struct fence_part){.partition = partition,
                                            .place = shards_place(shards, partition, arena),
                                            .term = span_of_text(shards_partition(shards, partition)->term.text),
                                            .committed = offsets_get(&shards->committed, partition)};
}

static void make_group(struct shards *shards, struct batch *batch, const struct shards_placement *placed,
                       uint32_t count, uint32_t most_parts, struct shards_group *group)
{
    struct arena *arena = &batch->arena;
    uint32_t *items = arena_alloc(arena, count * sizeof(*items));
    struct fence_part *parts = arena_alloc(arena, (count < most_parts ? count : most_parts) * sizeof(*parts));
    *group = (struct shards_group){.node = placed[0].node, .slot = placed[0].slot};
    group->group = (struct decision_group){.fence = shards_fence(shards, group->slot, arena), .items = items};
    for (uint32_t i = 0; i < count; i++) {
        items[i] = placed[i].number;
        add_part(shards, parts, &group->group.fence.part_count, batch->items[items[i]].from.partition, arena);
    }
    group->group.item_count = count;
    group->group.fence.parts = parts;
}

bool shards_groups(struct shards *shards, struct batch *batch, struct shards_group **groups, uint32_t *count)
{
    struct shards_placement *placed = arena_alloc(&batch->arena, batch->count * sizeof(*placed));
    struct batch_part *parts;
    const uint32_t part_count = batch_parts(batch, &parts);
    uint32_t placed_count;
    *count = 0;
    if (!place_items(shards, batch, placed, &placed_count))
        return false;
    *groups = arena_alloc(&batch->arena, placed_count * sizeof(**groups));
    for (uint32_t from = 0, to; from < placed_count; from = to) {
        to = shards_placements_slot_end(placed, placed_count, from);
        make_group(shards, batch, placed + from, to - from, part_count, &(*groups)[(*count)++]);
    }
    return true;
}

/* ---- the claims ---- */

/* Reads the answers to all calls of a group. */
static bool take_group(struct shards *shards, struct cluster_pipelines *pipelines, struct batch *batch,
                       const struct shards_group *group, struct decision_answer *answers)
{
    bool ok = true;
    for (uint32_t from = 0; from < group->group.item_count;) {
        enum script_end end;
        struct script_failure failure;
        const uint32_t to = decision_call_end(batch, &group->group, from);
        redisReply *reply = shards_answer(shards, pipelines, group->node, group->slot, &end, &failure);
        if (reply)
            end = decision_take(batch, &group->group, from, reply, answers, &failure);
        if (end != SCRIPT_DONE)
            ok = shards_refused(shards, group->slot, end, &failure);
        freeReplyObject(reply);
        from = to;
    }
    return ok;
}

static bool decide(struct shards *shards, struct batch *batch, const struct shards_group *groups, uint32_t count,
                   struct decision_answer *const *answers)
{
    struct cluster_pipelines pipelines;
    bool ok = true;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, &batch->arena))
        return shards_fail(shards, "out of memory");
    for (uint32_t i = 0; i < count; i++)
        decision_send(cluster_pipelines_to(&pipelines, groups[i].node), batch, &groups[i].group, SCRIPT_BY_NAME);
    cluster_pipelines_send(&pipelines);
    failpoint(FAILPOINT_IN_CLAIM);
    for (uint32_t i = 0; i < count; i++)
        ok &= take_group(shards, &pipelines, batch, &groups[i], answers[i]);
    cluster_pipelines_close(&pipelines);
    return ok;
}

bool shards_claim(struct shards *shards, struct batch *batch)
{
    struct shards_group *groups;
    uint32_t count;
    if (!shards_release(shards, batch) || !shards_groups(shards, batch, &groups, &count) ||
        !shards_raise_claimed(shards, batch))
        return false;
    struct decision_answer **answers = arena_alloc(&batch->arena, count * sizeof(*answers));
    for (uint32_t i = 0; i < count; i++)
        answers[i] = arena_alloc(&batch->arena, groups[i].group.item_count * sizeof(**answers));
    failpoint(FAILPOINT_BEFORE_CLAIM);
    if (!decide(shards, batch, groups, count, answers))
        return false;
    failpoint(FAILPOINT_AFTER_CLAIM);
    for (uint32_t i = 0; i < count; i++)
        decision_settle(batch, &groups[i].group, answers[i]);
    return true;
}
