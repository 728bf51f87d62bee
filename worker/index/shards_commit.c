/* Before the commit of a batch: whether its claims still stand. */
#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"

/* A partition of the batch, and where its term is. */
struct asked {
    const struct shards_partition *partition;
    struct span place;
    unsigned slot;
    uint16_t node;
};

static bool find_terms(struct shards *shards, struct batch *batch, struct asked **asked, uint32_t *count)
{
    struct batch_part *parts;
    *count = batch_parts(batch, &parts);
    *asked = arena_alloc(&batch->arena, *count * sizeof(**asked));
    for (uint32_t i = 0; i < *count; i++) {
        struct asked *one = &(*asked)[i];
        one->partition = shards_partition(shards, parts[i].partition);
        one->place = shards_place(shards, parts[i].partition, &batch->arena);
        one->slot = shards_term_slot(one->place);
        if (!one->partition || one->partition->state != TERM_USABLE ||
            redis_cluster_slot(shards->cluster, one->slot, &one->node) != SLOT_SERVED)
            return shards_fail(shards, "a term cannot be asked for");
    }
    return true;
}

static bool take_fence(struct shards *shards, struct cluster_pipelines *pipelines, const struct shards_group *group)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(shards, pipelines, group->node, group->slot, &end, &failure);
    if (reply)
        end = index_script_look(pipelines->arena, reply, &failure);
    freeReplyObject(reply);
    return end == SCRIPT_DONE || shards_refused(shards, group->slot, end, &failure);
}

/* A partition whose term is another's has to take one above it. */
static bool take_term(struct shards *shards, struct cluster_pipelines *pipelines, const struct asked *asked)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(shards, pipelines, asked->node, asked->slot, &end, &failure);
    if (reply)
        end = term_take_same(pipelines->arena, reply, &asked->partition->term, &failure);
    freeReplyObject(reply);
    if (end == SCRIPT_STALE)
        shards_lose_term(shards, (int32_t)(asked->partition - shards->partitions), failure.text);
    return end == SCRIPT_DONE || shards_fail(shards, "a partition has another owner, or its term is not known");
}

/* Whether no replica of a master that was asked has been elected unheard. */
static bool take_witnesses(struct shards *shards, const struct cluster_beat *beats, size_t count, const bool *is_needed)
{
    char error[SHARDS_ERROR_BYTES];
    bool vouched[CLUSTER_MASTERS_MOST];
    if (shards_is_calm(shards, beats, count) ||
        redis_cluster_witness(shards->cluster, is_needed, vouched, error, sizeof(error)))
        return true;
    for (size_t i = 0; i < count; i++)
        if (is_needed[i] && !vouched[i])
            redis_cluster_node(shards->cluster, i)->is_doubtful = true;
    return shards_fail(shards, error);
}

/* More than half of the masters have heard of no election, and no slot can have been elsewhere since the last look. A
 * master that does not answer is no reason to stop what does not need it. One that was asked for a fence or a term has
 * to answer this, too: what it said before proves nothing without its epoch. */
static bool take_pulse(struct shards *shards, struct cluster_pipelines *pipelines, const bool *is_needed)
{
    const size_t count = redis_cluster_count(shards->cluster);
    struct cluster_beat beats[CLUSTER_MASTERS_MOST] = {{0}};
    struct slot_master masters[CLUSTER_MASTERS_MOST] = {{0}};
    bool have_answered = true;
    for (size_t i = 0; i < count; i++) {
        if (cluster_pulse_take(pipelines, i, &beats[i]))
            masters[i] = (struct slot_master){beats[i].connection, beats[i].config_epoch};
        else
            have_answered &= !is_needed[i];
    }
    if (have_answered && cluster_beats_agree(beats, count, redis_cluster_epoch(shards->cluster)) &&
        slot_book_is_of(shards->book, masters, count))
        return take_witnesses(shards, beats, count, is_needed);
    redis_cluster_renew(shards->cluster);
    return shards_fail(shards, "a master may have been replaced");
}

bool shards_confirm(struct shards *shards, struct batch *batch)
{
    const size_t mark = batch->arena.used;
    struct cluster_pipelines pipelines;
    struct shards_group *groups;
    struct asked *asked;
    struct shards_announcement announcement;
    uint32_t count, asked_count;
    bool is_needed[CLUSTER_MASTERS_MOST] = {false};
    bool ok = shards_groups(shards, batch, &groups, &count) && find_terms(shards, batch, &asked, &asked_count);
    if (ok)
        shards_announce_prepare(shards, batch, &announcement);
    ok = ok &&
         (cluster_pipelines_open(&pipelines, shards->cluster, &batch->arena) || shards_fail(shards, "out of memory"));
    if (ok) {
        for (uint32_t i = 0; i < count; i++) {
            is_needed[groups[i].node] = true;
            fence_send_confirm(cluster_pipelines_to(&pipelines, groups[i].node), &groups[i].group.fence,
                               SCRIPT_BY_NAME);
        }
        for (uint32_t i = 0; i < asked_count; i++) {
            is_needed[asked[i].node] = true;
            term_send_ask(cluster_pipelines_to(&pipelines, asked[i].node), asked[i].place);
        }
        shards_announce_write(&pipelines, &announcement);
        cluster_pulse_write(&pipelines);
        cluster_pipelines_send(&pipelines);
        for (uint32_t i = 0; i < count; i++)
            ok &= take_fence(shards, &pipelines, &groups[i]);
        for (uint32_t i = 0; i < asked_count; i++)
            ok &= take_term(shards, &pipelines, &asked[i]);
        shards_announce_take(shards, &pipelines, &announcement);
        ok &= take_pulse(shards, &pipelines, is_needed);
        cluster_pipelines_close(&pipelines);
    }
    arena_reset(&batch->arena, mark);
    return ok;
}
