#include "worker/source/partitions.h"

#include <stdlib.h>

#define GROW_BY 16

struct partition {
    int64_t next;      /* the offset after the last noted command, or -1 */
    int64_t committed; /* the last committed offset, or -1 */
    bool waits;
    int64_t waiting_ms; /* when it began to wait for definitions, or -1 */
    int64_t retry_ms;   /* when its next try is due */
};

struct partitions {
    struct partition *list; /* by partition number */
    int32_t count;
};

static const struct partition unknown = {-1, -1, false, -1, 0};

struct partitions *partitions_new(void)
{
    return calloc(1, sizeof(struct partitions));
}

void partitions_free(struct partitions *partitions)
{
    if (partitions)
        free(partitions->list);
    free(partitions);
}

static struct partition *at(struct partitions *partitions, int32_t partition)
{
    if (partition >= partitions->count) {
        int32_t count = partition + GROW_BY;
        struct partition *grown = realloc(partitions->list, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        for (int32_t i = partitions->count; i < count; i++)
            grown[i] = unknown;
        partitions->list = grown;
        partitions->count = count;
    }
    return &partitions->list[partition];
}

static const struct partition *look(const struct partitions *partitions, int32_t partition)
{
    return partition < partitions->count ? &partitions->list[partition] : &unknown;
}

void partitions_forget(struct partitions *partitions, int32_t partition)
{
    *at(partitions, partition) = unknown;
}

bool partitions_advance(struct partitions *partitions, int32_t partition, int64_t offset)
{
    struct partition *state = at(partitions, partition);
    if (offset < state->next)
        return false;
    state->next = offset + 1;
    return true;
}

void partitions_go_back(struct partitions *partitions, int32_t partition, int64_t offset)
{
    at(partitions, partition)->next = offset;
}

int64_t partitions_next(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->next;
}

void partitions_note_committed(struct partitions *partitions, int32_t partition, int64_t offset)
{
    at(partitions, partition)->committed = offset;
}

int64_t partitions_committed(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->committed;
}

bool partitions_wait(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms,
                     int64_t limit_ms)
{
    struct partition *state = at(partitions, partition);
    state->waits = true;
    if (state->waiting_ms < 0)
        state->waiting_ms = now_ms;
    state->retry_ms = now_ms + retry_ms;
    return now_ms - state->waiting_ms < limit_ms;
}

void partitions_put_off(struct partitions *partitions, int32_t partition)
{
    struct partition *state = at(partitions, partition);
    state->waits = true;
    state->retry_ms = 0;
}

void partitions_end_wait(struct partitions *partitions, int32_t partition)
{
    struct partition *state = at(partitions, partition);
    state->waits = false;
    state->waiting_ms = -1;
}

bool partitions_is_waiting(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->waits;
}

bool partitions_may_try(const struct partitions *partitions, int32_t partition, int64_t now_ms)
{
    const struct partition *state = look(partitions, partition);
    return !state->waits || now_ms >= state->retry_ms;
}

uint32_t partitions_waiting(const struct partitions *partitions)
{
    uint32_t waiting = 0;
    for (int32_t i = 0; i < partitions->count; i++)
        waiting += partitions->list[i].waits;
    return waiting;
}

uint32_t partitions_lacking_definitions(const struct partitions *partitions)
{
    uint32_t lacking = 0;
    for (int32_t i = 0; i < partitions->count; i++)
        lacking += partitions->list[i].waiting_ms >= 0;
    return lacking;
}
