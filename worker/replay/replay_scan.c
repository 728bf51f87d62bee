/* Reads the range, and takes the commands that have no record into the worker's batch. */
#include "common/clock.h"
#include "worker/replay/replay_apply_internal.h"
#include "worker/source/batch_reader.h"
#include "worker/source/source_message.h"
#include "worker/validate/decode.h"

#define SCAN_MOST 20000 /* commands that a batch passes over at most, so that the position is committed */
#define VERIFY_MS 15000 /* the places of commands, until they are read again */
#define LOOK_MS   50

static bool is_selected(const struct apply *apply, const struct item *item)
{
    const struct replay_selection *selection = &apply->request->selection;
    if (selection->workspace_count == 0)
        return true;
    for (size_t i = 0; i < selection->workspace_count; i++)
        if (item->workspace.at && span_equal(item->workspace, selection->workspaces[i]))
            return true;
    return false;
}

static bool has_record(const struct apply *apply, const struct item *item)
{
    return item->has_identity &&
           record_view_has(apply->view, item->workspace, span_of(item->client_id, CLIENT_ID_LENGTH));
}

/* Adds the command to the batch, or passes it over. Owns the message. */
static void consider(struct apply *apply, rd_kafka_message_t *message)
{
    struct batch *batch = apply->worker.batch;
    const size_t mark = batch->arena.used, bytes = batch->bytes;
    struct item *item = &batch->items[batch->count];
    source_message_take(batch, apply->config.commands.topic, message);
    const struct item taken = *item;
    const size_t taken_mark = batch->arena.used;
    decode_item(item, &apply->config, apply->parser, &batch->arena);
    named_workspaces_note(&apply->named, item->workspace);
    const bool selected = is_selected(apply, item), recorded = selected && has_record(apply, item);
    *item = taken;
    if (selected && !recorded) {
        arena_reset(&batch->arena, taken_mark);
        item->dead_letter_form = FORM_NONE; /* it was written when the command was first decided */
        apply->messages[batch->count - 1] = message;
        return;
    }
    *(recorded ? &apply->passed_recorded : &apply->passed_others) += 1;
    source_message_destroy(message);
    batch->count--;
    batch->bytes = bytes;
    arena_reset(&batch->arena, mark);
}

uint32_t scan_allowance(struct apply *apply, uint32_t most)
{
    const int64_t left = rate_left(&apply->rate, clock_now_ms());
    return left <= 0 ? 0 : left < most ? (uint32_t)left : most;
}

/* Takes the commands from this offset on, all of which are at the end, out of the batch. */
static void cut_batch(struct apply *apply, int64_t from)
{
    struct batch *batch = apply->worker.batch;
    while (batch->count > 0 && batch->items[batch->count - 1].from.offset >= from) {
        const struct item *item = &batch->items[--batch->count];
        batch->bytes -= item->value.length + item->key.length + item->header_heap;
        source_message_destroy(apply->messages[batch->count]);
    }
}

static void take_hole(struct apply *apply, const struct history_hole *hole)
{
    if (hole->reason == HOLE_MISNUMBERED) {
        cut_batch(apply, hole->from);
        if (apply->seen.offset >= hole->from)
            apply->seen = LOG_MARK_NONE;
    }
    if (hole->reason == HOLE_UNREADABLE) {
        apply->unreadable = *hole;
        return;
    }
    missing_add(apply, hole);
    log_warning("commands of the history are gone", LOG_TEXT("topic", apply->config.commands.topic),
                LOG_INTEGER("partition", hole->partition), LOG_INTEGER("from", hole->from),
                LOG_INTEGER("to", hole->to));
    apply_present(apply)->scanned = hole->to;
}

/* The next message, in the order of the partition. *pause: there is none at the moment. NULL also at the range's end.
 */
static rd_kafka_message_t *next_message(struct apply *apply, bool *pause)
{
    struct apply_range *range = apply_present(apply);
    rd_kafka_message_t *message = NULL;
    struct history_hole hole;
    char error[512];
    *pause = false;
    if (apply->unreadable.from < apply->unreadable.to)
        return placeholder_new(apply->unreadable.partition, apply->unreadable.from++);
    if (!apply->is_begun && !(apply->is_begun = history_reader_begin(apply->reader, range->partition, range->scanned,
                                                                     range->to, error, sizeof(error)))) {
        log_fault_begin(&apply->fault, LOG_LIST(LOG_TEXT("step", "reading commands"), LOG_TEXT("error", error)));
        *pause = true;
        return NULL;
    }
    switch (history_reader_next(apply->reader, &message, &hole, error, sizeof(error))) {
    case HISTORY_MESSAGE:
        return message;
    case HISTORY_HOLE:
        take_hole(apply, &hole);
        break;
    case HISTORY_PAUSE:
        *pause = true;
        break;
    case HISTORY_END:
        range->scanned = range->to;
        apply->is_begun = false;
        *pause = true;
        break;
    case HISTORY_FAILED:
        log_fault_begin(&apply->fault, LOG_LIST(LOG_TEXT("step", "reading commands"), LOG_TEXT("error", error)));
        apply->is_begun = false;
        *pause = true;
        break;
    }
    return NULL;
}

static void take_commands(struct apply *apply, uint32_t most)
{
    struct batch *batch = apply->worker.batch;
    struct apply_range *range = apply_present(apply);
    const size_t most_bytes = (size_t)apply->config.batch.bytes;
    bool pause = false;
    messages_take_pending(apply, most, consider);
    for (uint32_t scanned = 0; apply->pending_count == 0 && range->scanned < range->to && batch->count < most &&
                               batch->bytes < most_bytes && scanned < SCAN_MOST && !pause;) {
        rd_kafka_message_t *message = next_message(apply, &pause);
        if (!message)
            continue;
        range->scanned = message->offset + 1;
        if (!message_is_placeholder(message))
            apply->seen = source_message_mark(message);
        consider(apply, message);
        scanned++;
        apply_note_progress(apply);
    }
}

/* Commands with wrong offsets must not become the position. False if Kafka gave no answer. */
static bool verify_places(struct apply *apply)
{
    for (int64_t until_ms = clock_now_ms() + VERIFY_MS; clock_now_ms() < until_ms && apply_keep_going(apply);) {
        bool pause = false;
        switch (history_reader_verify(apply->reader)) {
        case READING_IN_PLACE:
            return true;
        case READING_MISPLACED:
            if (!apply->is_begun || next_message(apply, &pause)) /* until the hole is reported there is no message */
                return false;
            break;
        case READING_UNKNOWN:
            clock_sleep(LOOK_MS);
        }
    }
    return false;
}

void scan_commands(struct apply *apply, uint32_t most)
{
    const int64_t scanned = apply_present(apply)->scanned;
    apply->seen = LOG_MARK_NONE;
    take_commands(apply, most);
    if (verify_places(apply)) {
        if (apply->seen.offset >= 0)
            apply_present(apply)->mark = apply->seen;
        return;
    }
    cut_batch(apply, scanned);
    apply_present(apply)->scanned = scanned;
    apply->unreadable = (struct history_hole){0};
    apply->passed_recorded = apply->passed_others = 0;
    apply->is_begun = false;
}
