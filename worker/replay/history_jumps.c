#include "worker/replay/history_jumps.h"
#include "worker/source/source_message.h"

#include <assert.h>
#include <string.h>

void history_jumps_forget(struct history_jumps *jumps)
{
    jumps->count = jumps->due = jumps->noted = 0;
}

/* Those that are due are verified before there are so many. */
static void drop_half(struct history_jumps *jumps)
{
    const uint32_t dropped = JUMPS_KEPT / 2;
    for (uint32_t i = 0; i < dropped; i++)
        assert(jumps->list[i].state != JUMP_DUE);
    jumps->count -= dropped;
    memmove(jumps->list, jumps->list + dropped, jumps->count * sizeof(*jumps->list));
}

bool history_jumps_note(struct history_jumps *jumps, int64_t from, const rd_kafka_message_t *message)
{
    const bool is_due = jumps->noted < JUMPS_VERIFIED;
    if (jumps->count == JUMPS_KEPT)
        drop_half(jumps);
    jumps->list[jumps->count++] = (struct jump){from, source_message_mark(message), is_due ? JUMP_DUE : JUMP_TAKEN};
    jumps->due += is_due;
    jumps->noted = (jumps->noted + 1) % JUMPS_WINDOW;
    return jumps->due >= JUMPS_VERIFIED;
}

void history_jumps_take_back(struct history_jumps *jumps)
{
    jumps->count--;
    jumps->due -= jumps->list[jumps->count].state == JUMP_DUE;
    jumps->noted = (jumps->noted + JUMPS_WINDOW - 1) % JUMPS_WINDOW;
}

void history_jumps_doubt_last(struct history_jumps *jumps)
{
    struct jump *last = jumps->count > 0 ? &jumps->list[jumps->count - 1] : NULL;
    if (!last || last->state != JUMP_TAKEN)
        return;
    last->state = JUMP_DUE;
    jumps->due++;
}

const struct jump *history_jumps_doubt(struct history_jumps *jumps, int64_t offset)
{
    uint32_t first = jumps->count;
    for (uint32_t i = 0; i < jumps->count; i++)
        if (offset >= jumps->list[i].from && offset < jumps->list[i].to.offset)
            first = i;
    for (uint32_t i = first; i < jumps->count; i++) {
        jumps->due += jumps->list[i].state != JUMP_DUE;
        jumps->list[i].state = JUMP_DUE;
    }
    return first < jumps->count ? &jumps->list[first] : NULL;
}

enum message_place history_jumps_verify(struct history_jumps *jumps, struct misnumbered_batch *log, int32_t partition,
                                        int64_t *from)
{
    for (uint32_t i = 0; i < jumps->count && jumps->due > 0; i++) {
        struct jump *jump = &jumps->list[i];
        if (jump->state != JUMP_DUE)
            continue;
        const enum message_place place = misnumbered_batch_verify(log, partition, &jump->to);
        *from = jump->from;
        if (place != MESSAGE_IN_PLACE)
            return place;
        jump->state = JUMP_VERIFIED;
        jumps->due--;
    }
    return MESSAGE_IN_PLACE;
}
