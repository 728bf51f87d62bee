/* Commands whose offsets are not their places in the log. The broker assigns offsets to a batch of the log. In an
 * uncompressed batch it believes what each record says of its place in the batch (seen with 4.2), so a producer that
 * speaks the protocol itself can give a command any offset: one of another command, or one beyond the end of the log.
 * If such an offset were taken and committed, other commands would have no reply, and the log would seem to be
 * replaced.
 *
 * An offset beyond the end is noticed at once. Any other one leaves offsets without a command before it, and those are
 * verified (source_jumps.c). The batch of the log is then passed like one that cannot be decompressed. Its end is where
 * the log, read again, no longer returns its last command. */
#include "worker/source/source_misnumbered.h"

#include <string.h>

#include "common/clock.h"
#include "worker/source/batch_reader.h"
#include "worker/source/source_batches.h"
#include "worker/source/source_group.h"
#include "worker/source/source_held.h"
#include "worker/source/source_jumps.h"
#include "worker/source/source_log.h"
#include "worker/source/source_marks.h"
#include "worker/source/source_message.h"
#include "worker/source/source_places.h"
#include "worker/source/source_unreadable.h"

#define LOOK_WAIT_MS 1500
#define ASK_WAIT_MS  300
#define LATER_MS     2000 /* after a try without an answer */
#define PASSING_MS   300  /* of one fill, before another batch is begun */

/* The partition is read again from `next` on, which the next fill does. */
static void begin_misnumbered(struct source *source, int32_t partition, int64_t next, int64_t offset)
{
    source_log(source, partition)->is_misnumbered = true;
    source_log(source, partition)->past_count = 0;
    source_log(source, partition)->other = -1;
    if (next >= 0)
        partitions_go_back(source->partitions, partition, next);
    else
        partitions_forget(source->partitions, partition);
    source_forget_jumps(source, partition, next);
    log_warning("a command has an offset that is not its place in the log", LOG_TEXT("topic", source->topic),
                LOG_INTEGER("partition", partition), LOG_INTEGER("offset", offset), LOG_INTEGER("next", next));
}

static bool is_of(const struct source *source, uint32_t index, int32_t partition)
{
    const struct item *item = &source->batch->items[index];
    return item->from.partition == partition && item_is_ours(item) && !message_is_placeholder(source->messages[index]);
}

/* The commands of the partition from this one on leave the batch. */
static void leave_batch(struct source *source, uint32_t index)
{
    struct batch *batch = source->batch;
    int32_t partition = batch->items[index].from.partition;
    for (uint32_t i = index; i < batch->count; i++)
        if (batch->items[i].from.partition == partition && item_is_ours(&batch->items[i]))
            batch->items[i].custody = CUSTODY_REVOKED;
    held_messages_drop(&source->held, partition);
}

void source_leave_misnumbered(struct source *source, int32_t partition, int64_t from, int64_t to, int64_t other)
{
    struct batch *batch = source->batch;
    bool is_in_batch = false;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->from.partition != partition || !(item_is_ours(item) || item->custody == CUSTODY_POSTPONED))
            continue;
        if (item->from.offset >= from)
            item->custody = CUSTODY_REVOKED;
        else
            is_in_batch = true;
    }
    held_messages_drop_from(&source->held, partition, from);
    begin_misnumbered(source, partition, from, to);
    source_log(source, partition)->other = other;
    if (!is_in_batch) /* otherwise source_release ends the wait */
        source_end_wait(source, partition);
}

bool source_drop_misnumbered(struct source *source, const rd_kafka_message_t *message)
{
    struct log_state *log = source_log(source, message->partition);
    int64_t low, high, next = partitions_next(source->partitions, message->partition);
    if (log->is_misnumbered || message->offset == next)
        return log->is_misnumbered;
    /* A command that was jumped over comes again if the jump is wrong. */
    if (message->offset < next) {
        source_note_late(source, message);
        return log->unsettled >= 0;
    }
    if (rd_kafka_get_watermark_offsets(source->consumer, source->topic, message->partition, &low, &high) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        high >= 0 && message->offset >= high)
        begin_misnumbered(source, message->partition, next, message->offset);
    else
        source_note_jump(source, message, next);
    return log->is_misnumbered;
}

/* A command that is not in its place, and before which there is none of the partition in the batch, or one that is. */
static uint32_t find_first_wrong(struct source *source, int32_t partition)
{
    const struct batch *batch = source->batch;
    size_t mark = batch->arena.used;
    uint32_t *places = arena_alloc(&source->batch->arena, (batch->count + 1) * sizeof(*places)), count = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        if (is_of(source, i, partition))
            places[count++] = i;
    uint32_t low = 0, high = count - 1; /* the last one is wrong; all before `low` count as right */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct log_mark mark_of_middle = source_message_mark(source->messages[places[middle]]);
        if (source_find(source, partition, &mark_of_middle) == LOG_SAME)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t wrong = places[low];
    arena_reset(&source->batch->arena, mark);
    return wrong;
}

/* The offset behind what the batch has of the partition before this item, placeholders included. */
static int64_t next_before(struct source *source, int32_t partition, uint32_t index)
{
    const struct batch *batch = source->batch;
    for (uint32_t i = index; i > 0; i--)
        if (batch->items[i - 1].from.partition == partition && item_is_ours(&batch->items[i - 1]))
            return batch->items[i - 1].from.offset + 1;
    return source_log(source, partition)->group_offset;
}

void source_cut_batch(struct source *source, int32_t partition)
{
    uint32_t wrong = find_first_wrong(source, partition);
    int64_t next = next_before(source, partition, wrong);
    leave_batch(source, wrong);
    begin_misnumbered(source, partition, next, source->batch->items[wrong].from.offset);
}

/* ---- passing the batch of the log ---- */

/* As source_read_batch. It remembers answers: a try that got only some of them is of use to the next one. */
static bool read_batch(struct source *source, int32_t partition, int64_t offset, struct batch_reading *reading)
{
    struct log_state *log = source_log(source, partition);
    for (int i = 0; i < log->past_count; i++)
        if (log->past[i].offset == offset) {
            *reading = log->past[i].reading;
            return true;
        }
    if (!source_read_batch(source, partition, offset, LOOK_WAIT_MS, reading))
        return false;
    if (reading->error) /* the log may grow */
        return true;
    memmove(&log->past[1], &log->past[0], (PAST_READINGS - 1) * sizeof(log->past[0]));
    log->past[0] = (struct past_reading){offset, *reading};
    log->past_count += log->past_count < PAST_READINGS;
    return true;
}

/* Whether the log has the command at its offset, and there the same batch, whose last command is `last`. */
static enum log_finding find_again(struct source *source, int32_t partition, const struct log_mark *mark,
                                   const struct log_mark *last)
{
    struct batch_reading reading;
    if (!read_batch(source, partition, mark->offset, &reading))
        return source_compare_watermarks(source, partition, mark->offset, ASK_WAIT_MS);
    enum log_finding finding = source_judge(source, partition, mark, &reading);
    return finding == LOG_SAME && !reading.error && !log_mark_is_same(last, &reading.last) ? LOG_OTHER : finding;
}

/* Whether what was read at the offset may be the batch that `first` and `last` are of. */
static bool goes_on(const struct batch_reading *reading, int64_t offset, const struct log_mark *first,
                    const struct log_mark *last)
{
    return !reading->error && log_mark_is_same(last, &reading->last) &&
           (first->offset < offset || log_mark_is_same(first, &reading->first));
}

/* Whether the batch, which was read at the offset, has no wrong offsets. If it should have the place where a jump was
 * found to be wrong, it is looked for there first; the place is forgotten if that tells nothing. */
static enum log_finding compare_batch(struct source *source, int32_t partition, int64_t offset,
                                      const struct batch_reading *batch)
{
    int64_t *other = &source_log(source, partition)->other;
    struct batch_reading reading;
    if (*other > offset && *other <= batch->last.offset) {
        if (!read_batch(source, partition, *other, &reading))
            return source_compare_watermarks(source, partition, *other, ASK_WAIT_MS);
        if (!reading.error && !goes_on(&reading, *other, &batch->first, &batch->last))
            return LOG_OTHER;
    }
    *other = -1;
    enum log_finding finding =
        batch->first.offset == offset ? LOG_SAME : find_again(source, partition, &batch->first, &batch->last);
    if (finding == LOG_SAME && batch->last.offset != batch->first.offset)
        finding = find_again(source, partition, &batch->last, &batch->last);
    return finding;
}

/* Whether the batch that the offset is in has wrong offsets. *found: its first and last command and its mark. */
static enum place_finding look_at_first(struct source *source, int32_t partition, int64_t offset,
                                        struct unreadable *found)
{
    struct batch_reading reading;
    if (!read_batch(source, partition, offset, &reading))
        return PLACE_UNKNOWN;
    if (reading.error)
        return PLACE_BEHIND;
    found->came = reading.first;
    found->last = reading.last;
    found->mark = source_place_mark(&reading.first, offset);
    enum log_finding finding = compare_batch(source, partition, offset, &reading);
    return finding == LOG_SAME ? PLACE_BEHIND : finding == LOG_OTHER ? PLACE_UNREADABLE : PLACE_UNKNOWN;
}

/* Inside the batch, its last command comes. */
static enum place_finding look_at(struct source *source, int32_t partition, int64_t base, int64_t offset)
{
    const struct log_state *log = source_log(source, partition);
    struct batch_reading reading;
    if (log->other > base && offset >= log->other)
        return PLACE_BEHIND;
    if (offset > base && source_is_beyond_end(source, partition, offset))
        return PLACE_BEHIND;
    if (!source_read_batch(source, partition, offset, LOOK_WAIT_MS, &reading))
        return PLACE_UNKNOWN;
    const bool is_inside = goes_on(&reading, offset, &log->unreadable.came, &log->unreadable.last);
    return is_inside ? PLACE_UNREADABLE : PLACE_BEHIND;
}

/* Finds the end of the batch that the next offset is in. It is that offset if it is in no such batch: then the command
 * with the wrong offset is in an earlier one. False without an answer. */
static bool find_end(struct source *source, int32_t partition, int64_t first, struct unreadable *unreadable)
{
    if (unreadable->base != first || unreadable->first != first) {
        *unreadable = (struct unreadable){
            .base = first, .first = first, .inside = first - 1, .behind = -1, .mark = LOG_MARK_NONE};
        enum place_finding finding = look_at_first(source, partition, first, unreadable);
        if (finding == PLACE_UNKNOWN)
            *unreadable = (struct unreadable){.base = -1};
        else if (finding == PLACE_BEHIND)
            unreadable->behind = first;
        else
            unreadable->inside = first;
    }
    return unreadable->base == first && source_search_end(source, partition, unreadable, look_at);
}

static void pass(struct source *source, int32_t partition)
{
    struct log_state *log = source_log(source, partition);
    int64_t first = source_first_unanswered(source, partition, 0);
    if (first < 0 || !find_end(source, partition, first, &log->unreadable)) {
        log->passed_ms = clock_now_ms();
        return;
    }
    struct unreadable found = log->unreadable;
    if (found.behind > first)
        log_error("a batch of commands has wrong offsets; they are answered as too_large",
                  LOG_TEXT("topic", source->topic), LOG_INTEGER("partition", partition), LOG_INTEGER("offset", first),
                  LOG_INTEGER("last", found.behind - 1));
    source_reassign_at(source, partition, found.behind < first + PLACEHOLDERS ? found.behind : first + PLACEHOLDERS);
    /* librdkafka may begin in front of it, at the first command, where a fetch behind the end is still to be answered.
     */
    partitions_go_back(source->partitions, partition, first);
    if (found.behind > first)
        source_note_passed(source, partition, &found.mark);
    source_hold_placeholders(source, partition, &found);
}

/* Each takes up to some seconds, so the others of many have their turn in the next fills. */
void source_pass_misnumbered(struct source *source)
{
    const int64_t began = clock_now_ms();
    int64_t now = began;
    for (int32_t n = 0; n < source->log_count && now - began < PASSING_MS; n++, now = clock_now_ms()) {
        const int32_t partition = source->passing = (source->passing + 1) % source->log_count;
        const struct log_state *log = source_log(source, partition);
        bool is_due = log->passed_ms == 0 || now - log->passed_ms >= LATER_MS;
        if (log->is_misnumbered && is_due && !partitions_is_waiting(source->partitions, partition) &&
            held_messages_first(&source->held, partition) < 0)
            pass(source, partition);
    }
}
