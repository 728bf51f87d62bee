/* Which jumps are to be verified.
 *
 * A producer whose transactions have one command each leaves as many jumps as commands, and to read a batch takes tens
 * of milliseconds. So of many short jumps at a time only the first ones of a partition are verified, and one after so
 * many offsets that were not. A long one, which may have jumped over many commands, is always verified. So is one into
 * which a command comes: a response of the broker mostly has the commands behind the one with the wrong offset, too. */
#include "worker/source/source_jump_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/source/source_batches.h"
#include "worker/source/source_jumps.h"
#include "worker/source/source_log.h"
#include "worker/source/source_message.h"

#define MOST    8   /* jumps of a partition that are verified at a time; other short ones are taken as they are */
#define SHORT   4   /* offsets: as many as the markers of a few producers at once */
#define SKIPPED 256 /* offsets of short jumps that are taken as they are, one jump after the other */

static struct jumps *jumps_of(struct source *source)
{
    if (!source->jumps) {
        source->jumps = calloc(1, sizeof(*source->jumps));
        if (!source->jumps)
            abort();
    }
    return source->jumps;
}

void source_close_jumps(struct source *source)
{
    if (!source->jumps)
        return;
    free(source->jumps->list);
    free(source->jumps);
    source->jumps = NULL;
}

bool source_is_unsettled(struct source *source, int32_t partition, int64_t offset)
{
    int64_t unsettled = source_log(source, partition)->unsettled;
    return unsettled >= 0 && offset >= unsettled;
}

/* ---- the list ---- */

static struct jump *first_of(struct jumps *jumps, int32_t partition)
{
    for (uint32_t i = 0; i < jumps->count; i++)
        if (jumps->list[i].partition == partition)
            return &jumps->list[i];
    return NULL;
}

static void note_first(struct source *source, int32_t partition)
{
    const struct jump *first = first_of(source->jumps, partition);
    source_log(source, partition)->unsettled = first ? first->to.offset : -1;
}

static uint32_t count_of(const struct jumps *jumps, int32_t partition)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < jumps->count; i++)
        count += jumps->list[i].partition == partition;
    return count;
}

/* Where the jump to this offset is in the list, in front of those of its partition that lead further. */
static uint32_t find_place(const struct jumps *jumps, int32_t partition, int64_t to)
{
    uint32_t place = jumps->count;
    while (place > 0 && (jumps->list[place - 1].partition != partition || jumps->list[place - 1].to.offset > to))
        place--;
    if (place > 0)
        return place;
    while (place < jumps->count && jumps->list[place].partition != partition)
        place++;
    return place;
}

static struct jump *add_jump(struct source *source, const rd_kafka_message_t *message, int64_t from)
{
    struct jumps *jumps = jumps_of(source);
    const uint32_t place = find_place(jumps, message->partition, message->offset);
    if (jumps->count == jumps->capacity) {
        jumps->capacity = jumps->capacity ? jumps->capacity * 2 : 16;
        struct jump *grown = realloc(jumps->list, jumps->capacity * sizeof(*grown));
        if (!grown)
            abort();
        jumps->list = grown;
    }
    struct jump *jump = &jumps->list[place];
    memmove(jump + 1, jump, (jumps->count++ - place) * sizeof(*jump));
    if (place + 1 < jumps->count && jump[1].partition == message->partition && jump[1].state == JUMP_READ) {
        source_end_reading(source, message->partition);
        jump[1].state = JUMP_DUE;
    }
    *jump = (struct jump){
        .partition = message->partition, .from = from, .to = source_message_mark(message), .noted_ms = clock_now_ms()};
    jump->proof = (struct jump_proof){.to = jump->to, .hint = -1};
    note_first(source, message->partition);
    return jump;
}

void source_note_jump(struct source *source, const rd_kafka_message_t *message, int64_t from)
{
    struct log_state *log = source_log(source, message->partition);
    const int64_t length = message->offset - from;
    if (from >= 0 && length <= SHORT && log->skipped + length <= SKIPPED &&
        count_of(jumps_of(source), message->partition) >= MOST) {
        log->skipped += length;
        return;
    }
    log->skipped = 0;
    add_jump(source, message, from);
}

/* What was taken of a partition around an offset, and has no reply yet. */
struct neighbours {
    int64_t before;                  /* the highest offset up to it, or -1 */
    const rd_kafka_message_t *after; /* the first command behind it, or NULL */
    bool is_ours;                    /* `after` is still to be answered here */
};

static void note_neighbour(struct neighbours *found, const rd_kafka_message_t *taken, bool is_ours,
                           const rd_kafka_message_t *message)
{
    if (taken->partition != message->partition)
        return;
    if (taken->offset <= message->offset) {
        found->before = taken->offset > found->before ? taken->offset : found->before;
    } else if (!found->after || taken->offset < found->after->offset) {
        found->after = taken;
        found->is_ours = is_ours && !message_is_placeholder(taken);
    }
}

/* A jump that was not verified, or no longer is being: it is now. */
static void note_jump_again(struct source *source, const rd_kafka_message_t *message)
{
    const struct batch *batch = source->batch;
    const struct log_state *log = source_log(source, message->partition);
    struct neighbours found = {log->group == GROUP_ASKED && log->group_offset > 0 ? log->group_offset - 1 : -1, NULL,
                               false};
    for (uint32_t i = 0; i < batch->count; i++)
        note_neighbour(&found, source->messages[i], item_is_ours(&batch->items[i]), message);
    for (uint32_t i = 0; i < source->held.count; i++)
        note_neighbour(&found, source->held.messages[i].message, true, message);
    if (found.before < message->offset && found.is_ours) {
        struct jump *jump = add_jump(source, found.after, found.before < 0 ? -1 : found.before + 1);
        jump->is_late = true;
        jump_proof_hint(&jump->proof, message->offset);
    }
}

void source_note_late(struct source *source, const rd_kafka_message_t *message)
{
    for (uint32_t i = 0; source->jumps && i < source->jumps->count; i++) {
        struct jump *jump = &source->jumps->list[i];
        if (jump->partition == message->partition && jump->from <= message->offset &&
            message->offset < jump->to.offset) {
            jump_proof_hint(&jump->proof, message->offset);
            return;
        }
    }
    note_jump_again(source, message);
}

void source_forget_jumps(struct source *source, int32_t partition, int64_t from)
{
    struct jumps *jumps = source->jumps;
    if (!jumps || source_log(source, partition)->unsettled < 0)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < jumps->count; i++) {
        const struct jump *jump = &jumps->list[i];
        if (jump->partition != partition || jump->to.offset < from)
            jumps->list[kept++] = *jump;
        else if (jump->state == JUMP_READ)
            source_end_reading(source, partition);
    }
    jumps->count = kept;
    note_first(source, partition);
}

void source_drop_jump(struct source *source, uint32_t index)
{
    struct jumps *jumps = source->jumps;
    int32_t partition = jumps->list[index].partition;
    if (jumps->list[index].state == JUMP_READ)
        source_end_reading(source, partition);
    memmove(&jumps->list[index], &jumps->list[index + 1], (--jumps->count - index) * sizeof(*jumps->list));
    note_first(source, partition);
    struct jump *next = first_of(jumps, partition);
    if (next)
        next->noted_ms = clock_now_ms();
}
