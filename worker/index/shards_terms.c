/* The terms of partitions that were assigned: each is taken once, before the group's offsets are asked for. */
#include <stdlib.h>
#include <string.h>

#include "worker/index/shards_internal.h"

/* Room for the partitions below `count`. False when out of memory. */
static bool make_room(struct shards *shards, int32_t count)
{
    if (count <= shards->partition_count)
        return true;
    struct shards_partition *grown = realloc(shards->partitions, (size_t)count * sizeof(*grown));
    if (!grown)
        return shards_fail(shards, "out of memory");
    memset(grown + shards->partition_count, 0, (size_t)(count - shards->partition_count) * sizeof(*grown));
    shards->partitions = grown;
    shards->partition_count = count;
    return true;
}

static bool is_among(int32_t partition, const int32_t *partitions, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        if (partitions[i] == partition)
            return true;
    return false;
}

/* A term that is asked for. */
struct taking {
    struct shards_partition *partition; /* NULL: its node is away */
    struct span place;
    unsigned slot;
    uint16_t node;
    char nonce[EPOCH_LENGTH];
};

static void take_answer(struct shards *shards, struct cluster_pipelines *pipelines, const struct taking *taking)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(shards, pipelines, taking->node, taking->slot, &end, &failure);
    if (reply && term_take(pipelines->arena, reply, &taking->partition->term, &failure) == SCRIPT_DONE) {
        taking->partition->state = TERM_TAKEN;
        taking->partition->refused[0] = '\0';
    } else {
        (void)shards_refused(shards, taking->slot, end, &failure);
    }
    freeReplyObject(reply);
}

static void ask(struct shards *shards, struct taking *takings, uint32_t count, struct arena *scratch)
{
    struct cluster_pipelines pipelines;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, scratch))
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (redis_cluster_slot(shards->cluster, takings[i].slot, &takings[i].node) != SLOT_SERVED ||
            !redis_epoch_random(takings[i].nonce))
            takings[i].partition = NULL;
        else
            term_send_take(cluster_pipelines_to(&pipelines, takings[i].node), takings[i].place,
                           span_of_text(takings[i].partition->refused), takings[i].nonce, SCRIPT_BY_NAME);
    }
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < count; i++)
        if (takings[i].partition)
            take_answer(shards, &pipelines, &takings[i]);
    cluster_pipelines_close(&pipelines);
}

void shards_take(struct shards *shards, const int32_t *partitions, int32_t count, int32_t *taken, struct arena *scratch)
{
    const size_t mark = scratch->used;
    struct taking *takings = arena_alloc(scratch, (size_t)count * sizeof(*takings));
    uint32_t asked = 0;
    *taken = 0;
    for (int32_t i = 0; i < shards->partition_count; i++)
        if (!is_among(i, partitions, count))
            shards->partitions[i] = (struct shards_partition){.state = TERM_NONE};
    for (int32_t i = 0; i < count; i++) {
        if (!make_room(shards, partitions[i] + 1))
            return;
    }
    for (int32_t i = 0; i < count; i++) {
        struct shards_partition *partition = &shards->partitions[partitions[i]];
        partition->is_ours = true;
        if (partition->state != TERM_NONE)
            continue;
        const struct span place = shards_place(shards, partitions[i], scratch);
        takings[asked++] = (struct taking){.partition = partition, .place = place, .slot = shards_term_slot(place)};
    }
    if (asked > 0)
        ask(shards, takings, asked, scratch);
    for (int32_t i = 0; i < count; i++)
        *taken += shards->partitions[partitions[i]].state != TERM_NONE;
    arena_reset(scratch, mark);
}

void shards_give_up(struct shards *shards)
{
    for (int32_t i = 0; i < shards->partition_count; i++)
        shards->partitions[i] = (struct shards_partition){.state = TERM_NONE};
}
