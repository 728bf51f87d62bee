#include "worker/source/partitions.h"

#include <stdlib.h>

#define GROW_BY 16

enum wait {
    WAITS_NOT,
    WAITS_FOR_BATCH,       /* set when commands are put off, a try was answered, or an empty wait is over */
    WAITS_FOR_DEFINITIONS, /* set when a command lacks them */
    WAITS_EMPTY            /* set when not even that command could be kept: it is read again when it is due */
};

struct partition {
    int64_t next;      /* the offset after the last noted command, or -1 */
    int64_t noted;     /* the same, before commands were dropped */
    int64_t committed; /* the last committed offset, or -1 */
    enum wait wait;
    bool is_cut;        /* commands from `next` on were dropped since it began to wait */
    bool is_tried;      /* WAITS_FOR_DEFINITIONS: its first command is in the batch */
    bool is_held;       /* WAITS_FOR_DEFINITIONS, WAITS_EMPTY: it waits for Redis and not for definitions */
    uint32_t turn;      /* the last turn in which it was tried */
    int64_t waiting_ms; /* when it began to wait for definitions, or -1 */
    int64_t retry_ms;   /* WAITS_FOR_DEFINITIONS, WAITS_EMPTY: when its next try is due */
};

struct partitions {
    struct partition *list; /* by partition number */
    int32_t count;
    uint32_t turn;       /* of tries: each partition that is due has one in each turn */
    uint32_t tries_left; /* for the batch that is being filled */
    bool has_tried;      /* the last batch had a try */
};

static const struct partition unknown = {.next = -1, .noted = -1, .committed = -1, .wait = WAITS_NOT, .waiting_ms = -1};

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

void partitions_cut(struct partitions *partitions, int32_t partition, int64_t offset)
{
    struct partition *state = at(partitions, partition);
    if (state->noted < state->next)
        state->noted = state->next;
    state->next = offset;
    state->is_cut = true;
}

bool partitions_is_cut(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->is_cut;
}

int64_t partitions_noted(const struct partitions *partitions, int32_t partition)
{
    const struct partition *state = look(partitions, partition);
    return state->noted > state->next ? state->noted : state->next;
}

void partitions_note_committed(struct partitions *partitions, int32_t partition, int64_t offset)
{
    at(partitions, partition)->committed = offset;
}

int64_t partitions_committed(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->committed;
}

void partitions_renew_limit(struct partitions *partitions, int32_t partition, int64_t offset)
{
    struct partition *state = at(partitions, partition);
    if (state->wait == WAITS_NOT && offset >= state->noted)
        state->waiting_ms = -1;
}

bool partitions_wait(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms,
                     int64_t limit_ms)
{
    struct partition *state = at(partitions, partition);
    const int64_t since_ms = state->waiting_ms >= 0 ? state->waiting_ms : now_ms;
    if (now_ms - since_ms >= limit_ms)
        return false;
    state->wait = WAITS_FOR_DEFINITIONS;
    state->is_tried = state->is_held = false;
    state->waiting_ms = since_ms;
    state->retry_ms = now_ms + retry_ms;
    return true;
}

void partitions_hold(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms)
{
    struct partition *state = at(partitions, partition);
    state->wait = WAITS_FOR_DEFINITIONS;
    state->is_tried = false;
    state->is_held = true;
    state->waiting_ms = -1;
    state->retry_ms = now_ms + retry_ms;
}

void partitions_put_off(struct partitions *partitions, int32_t partition)
{
    struct partition *state = at(partitions, partition);
    if (state->wait == WAITS_FOR_DEFINITIONS)
        state->is_tried = false;
    else
        state->wait = WAITS_FOR_BATCH;
}

void partitions_end_wait(struct partitions *partitions, int32_t partition)
{
    struct partition *state = at(partitions, partition);
    state->wait = WAITS_NOT;
    state->is_cut = state->is_held = false;
    if (state->next >= state->noted)
        state->waiting_ms = -1;
}

void partitions_wait_empty(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms)
{
    struct partition *state = at(partitions, partition);
    state->wait = WAITS_EMPTY;
    state->retry_ms = now_ms + retry_ms;
}

bool partitions_waits_empty(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->wait == WAITS_EMPTY;
}

int32_t partitions_take_empty(struct partitions *partitions, int64_t now_ms)
{
    for (int32_t i = 0; i < partitions->count; i++) {
        struct partition *state = &partitions->list[i];
        if (state->wait != WAITS_EMPTY || now_ms < state->retry_ms)
            continue;
        state->wait = WAITS_FOR_BATCH;
        return i;
    }
    return -1;
}

bool partitions_is_waiting(const struct partitions *partitions, int32_t partition)
{
    return look(partitions, partition)->wait != WAITS_NOT;
}

static bool is_due(const struct partition *state, int64_t now_ms)
{
    return state->wait == WAITS_FOR_DEFINITIONS && now_ms >= state->retry_ms;
}

void partitions_begin_tries(struct partitions *partitions, uint32_t room, int64_t now_ms)
{
    bool any = false, any_in_turn = false;
    for (int32_t i = 0; i < partitions->count; i++) {
        struct partition *state = &partitions->list[i];
        state->is_tried = false;
        any = any || is_due(state, now_ms);
        any_in_turn = any_in_turn || (is_due(state, now_ms) && state->turn != partitions->turn);
    }
    if (any && !any_in_turn)
        partitions->turn++;
    partitions->tries_left = partitions->has_tried ? 0 : room > 1 ? room / 2 : 1;
    partitions->has_tried = false;
}

bool partitions_may_try(const struct partitions *partitions, int32_t partition, int64_t now_ms)
{
    const struct partition *state = look(partitions, partition);
    return state->wait != WAITS_FOR_DEFINITIONS ||
           (is_due(state, now_ms) && !state->is_tried && state->turn != partitions->turn && partitions->tries_left > 0);
}

void partitions_note_try(struct partitions *partitions, int32_t partition)
{
    struct partition *state = at(partitions, partition);
    if (state->wait != WAITS_FOR_DEFINITIONS)
        return;
    state->is_tried = true;
    state->turn = partitions->turn;
    partitions->tries_left--;
    partitions->has_tried = true;
}

void partitions_note_answer(struct partitions *partitions, int32_t partition)
{
    struct partition *state = at(partitions, partition);
    if (state->wait == WAITS_FOR_DEFINITIONS && state->is_tried)
        state->wait = WAITS_FOR_BATCH;
}

uint32_t partitions_waiting(const struct partitions *partitions)
{
    uint32_t waiting = 0;
    for (int32_t i = 0; i < partitions->count; i++)
        waiting += partitions->list[i].wait != WAITS_NOT;
    return waiting;
}

static bool lacks_definitions(const struct partition *state)
{
    return state->wait == WAITS_FOR_DEFINITIONS || state->wait == WAITS_EMPTY;
}

bool partitions_lacks_definitions(const struct partitions *partitions, int32_t partition)
{
    return lacks_definitions(look(partitions, partition));
}

uint32_t partitions_lacking_definitions(const struct partitions *partitions)
{
    uint32_t lacking = 0;
    for (int32_t i = 0; i < partitions->count; i++)
        lacking += lacks_definitions(&partitions->list[i]) && !partitions->list[i].is_held;
    return lacking;
}
