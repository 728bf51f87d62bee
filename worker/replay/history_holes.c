/* What a reading leaves out, and how it goes on behind that. */
#include "common/clock.h"
#include "worker/replay/history_reader_internal.h"

#define EDGE_WAIT_MS 1000

/* Reports the offsets from `next` to `to` as missing, and goes on behind them. */
static enum history_reading report(struct history_reader *reader, int64_t to, int reason, struct history_hole *hole,
                                   char *error, size_t error_size)
{
    *hole = (struct history_hole){.partition = reader->partition, .from = reader->next, .to = to};
    hole->reason = reason;
    reader->next = to;
    history_client_hear(&reader->client);
    bool ok = to < reader->to ? history_assign(reader, error, error_size) : history_idle(reader, error, error_size);
    return ok ? HISTORY_HOLE : HISTORY_FAILED;
}

/* The range ends at or before the last stable offset of its time, and that does not move back. */
static enum history_reading look_at_edges(struct history_reader *reader, struct history_hole *hole, char *error,
                                          size_t error_size)
{
    int64_t first, end;
    if (!history_client_edges(&reader->client, reader->topic, reader->partition, EDGE_WAIT_MS, &first, &end,
                              reader->client.fault, sizeof(reader->client.fault)))
        return history_retry(reader, error, error_size);
    if (end < reader->to)
        return report(reader, reader->to, HOLE_REPLACED, hole, error, error_size);
    if (first > reader->next)
        return report(reader, first < reader->to ? first : reader->to, HOLE_DELETED, hole, error, error_size);
    if (reader->state == READER_ENDS) {
        reader->state = READER_READING; /* a false alarm; librdkafka goes on */
        return HISTORY_PAUSE;
    }
    reader->state = READER_DAMAGED;
    return history_pause(reader, error, error_size);
}

static enum history_reading report_disorder(struct history_reader *reader, struct history_hole *hole, char *error,
                                            size_t error_size)
{
    *hole = (struct history_hole){reader->partition, reader->disorder.from, reader->disorder.to, HOLE_MISNUMBERED};
    return history_assign(reader, error, error_size) ? HISTORY_HOLE : HISTORY_FAILED;
}

/* Takes a step of the search for the end of a batch that cannot be read as it is. */
static enum history_reading search_end(struct history_reader *reader, struct history_hole *hole, char *error,
                                       size_t error_size)
{
    const bool is_misplaced = reader->state == READER_MISPLACED;
    switch (is_misplaced ? misnumbered_batch_step(&reader->misnumbered) : unreadable_batch_step(&reader->unreadable)) {
    case BATCH_UNKNOWN:
        return history_retry(reader, error, error_size);
    case BATCH_STEP:
        history_client_hear(&reader->client);
        return HISTORY_PAUSE;
    case BATCH_ENDS:
        return is_misplaced
                   ? report(reader, reader->misnumbered.search.behind, HOLE_MISNUMBERED, hole, error, error_size)
                   : report(reader, reader->unreadable.search.behind, HOLE_UNREADABLE, hole, error, error_size);
    case BATCH_NOT:
        break;
    }
    reader->state = READER_DAMAGED;
    return history_pause(reader, error, error_size);
}

/* The same for messages that librdkafka cannot parse. */
static enum history_reading search_end_of_unparsed(struct history_reader *reader, struct history_hole *hole,
                                                   char *error, size_t error_size)
{
    const struct parse_range *range = &reader->unparsed.range;
    const int64_t inside = range->inside;
    if (unparsed_batch_step(&reader->unparsed)) {
        reader->next = range->first;
        return report(reader, range->behind < reader->to ? range->behind : reader->to, HOLE_UNREADABLE, hole, error,
                      error_size);
    }
    if (range->inside == inside)
        return history_retry(reader, error, error_size);
    history_client_hear(&reader->client);
    return HISTORY_PAUSE;
}

/* What is left of the queue does not count. What came before the batch is verified first. */
static enum history_reading pass_unreadable(struct history_reader *reader, struct history_hole *hole, char *error,
                                            size_t error_size)
{
    history_queue_drop(&reader->queue);
    switch (history_reader_verify(reader)) {
    case READING_IN_PLACE:
        return reader->state == READER_UNPARSED ? search_end_of_unparsed(reader, hole, error, error_size)
                                                : search_end(reader, hole, error, error_size);
    case READING_MISPLACED:
        return HISTORY_PAUSE;
    case READING_UNKNOWN:
        break;
    }
    return history_retry(reader, error, error_size);
}

/* Nothing has come for a while. What cannot be parsed may be behind the range; then the range has no more messages. */
static void look_for_unparsed(struct history_reader *reader)
{
    if (!unparsed_batch_is_due(&reader->unparsed, reader->client.heard_ms) ||
        !unparsed_batch_look(&reader->unparsed, reader->partition, reader->next))
        return;
    if (reader->unparsed.range.first < reader->to)
        reader->state = READER_UNPARSED;
    else
        reader->next = reader->unparsed.range.first;
}

enum history_reading history_go_on(struct history_reader *reader, struct history_hole *hole, char *error,
                                   size_t error_size)
{
    switch (reader->state) {
    case READER_LOST:
    case READER_ENDS: /* the messages behind that end count */
        return look_at_edges(reader, hole, error, error_size);
    case READER_UNREADABLE:
    case READER_UNPARSED:
        return pass_unreadable(reader, hole, error, error_size);
    case READER_MISPLACED:
        return search_end(reader, hole, error, error_size);
    case READER_DISORDER:
        return report_disorder(reader, hole, error, error_size);
    case READER_DAMAGED:
        clock_sleep(HISTORY_RETRY_MS);
        if (!history_assign(reader, error, error_size))
            return HISTORY_FAILED;
        break;
    case READER_READING:
        look_for_unparsed(reader);
        break;
    case READER_IDLE:
        break;
    }
    return history_pause(reader, error, error_size);
}
