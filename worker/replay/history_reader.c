#include "worker/replay/history_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/replay/history_client.h"
#include "worker/replay/history_jumps.h"
#include "worker/replay/history_queue.h"
#include "worker/replay/unparsed_batch.h"
#include "worker/replay/unreadable_batch.h"

#define RETRY_MS       50
#define EDGE_WAIT_MS   1000
#define FETCH_BYTES    "4194304"
#define AHEAD_MESSAGES 1000000

struct history_reader {
    struct history_client client;
    struct history_queue queue;
    char *topic;
    int wait_ms;

    enum reader_state {
        READER_IDLE,       /* nothing is assigned */
        READER_READING,    /* the partition is assigned */
        READER_ENDS,       /* the same, and librdkafka has found an end of the log before `to`: it must be looked at */
        READER_LOST,       /* the broker refused the offset: the log's edges must be looked at */
        READER_DAMAGED,    /* the partition must be assigned again at `next` */
        READER_UNREADABLE, /* the end of a batch that cannot be decompressed is searched */
        READER_UNPARSED,   /* the end of messages that librdkafka cannot parse is searched */
        READER_MISPLACED,  /* the end of a batch with wrong offsets is searched */
        READER_DISORDER    /* messages of a batch had one offset, or a wrong order: `disorder` must be reported */
    } state;               /* changed by take_event and by the functions that go_on calls */
    int32_t partition;
    int64_t next; /* everything before it was delivered, or is no message; beyond `to` where messages are rare */
    int64_t to;

    struct unreadable_batch unreadable;
    struct unparsed_batch unparsed;
    struct misnumbered_batch misnumbered;
    struct history_jumps jumps;
    struct {
        int64_t from, to;
    } disorder;       /* while that is the state: offsets that do not come */
    bool has_message; /* one came since the partition was assigned */
};

struct history_reader *history_reader_open(const struct config *config, const char *topic, int wait_ms, char *error,
                                           size_t error_size)
{
    return history_reader_open_ahead(config, topic, NULL, wait_ms, error, error_size);
}

struct history_reader *history_reader_open_ahead(const struct config *config, const char *topic,
                                                 const struct history_ahead *ahead, int wait_ms, char *error,
                                                 size_t error_size)
{
    const struct history_client_settings settings = {.isolation = "read_committed",
                                                     .reset = "error",
                                                     .fetch_bytes = ahead ? ahead->fetch_bytes : FETCH_BYTES,
                                                     .messages = ahead ? ahead->messages : AHEAD_MESSAGES};
    struct history_reader *reader = calloc(1, sizeof(*reader));
    if (reader)
        reader->topic = strdup(topic);
    if (!reader || !reader->topic) {
        free(reader);
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    reader->wait_ms = wait_ms;
    unreadable_batch_init(&reader->unreadable, config, reader->topic);
    unparsed_batch_init(&reader->unparsed, config, reader->topic);
    misnumbered_batch_init(&reader->misnumbered, config, reader->topic, &reader->client);
    if (history_client_open(&reader->client, config, &settings, error, error_size) &&
        history_queue_open(&reader->queue, &reader->client, settings.messages))
        return reader;
    if (reader->client.handle)
        snprintf(error, error_size, "kafka.consumer.group.id is empty");
    history_reader_close(reader);
    return NULL;
}

void history_reader_close(struct history_reader *reader)
{
    if (!reader)
        return;
    history_queue_close(&reader->queue);
    history_client_close(&reader->client);
    unreadable_batch_close(&reader->unreadable);
    unparsed_batch_close(&reader->unparsed);
    misnumbered_batch_close(&reader->misnumbered);
    free(reader->topic);
    free(reader);
}

rd_kafka_t *history_reader_handle(const struct history_reader *reader)
{
    return reader->client.handle;
}

int64_t history_reader_position(const struct history_reader *reader)
{
    return reader->next < reader->to ? reader->next : reader->to;
}

static bool assign(struct history_reader *reader, char *error, size_t error_size)
{
    history_queue_drop(&reader->queue);
    reader->state = READER_READING;
    reader->has_message = false;
    return history_client_assign_one(&reader->client, reader->topic, reader->partition, reader->next, error,
                                     error_size);
}

static bool idle(struct history_reader *reader, char *error, size_t error_size)
{
    history_queue_drop(&reader->queue);
    reader->state = READER_IDLE;
    return history_client_assign(&reader->client, NULL, error, error_size);
}

bool history_reader_turn(struct history_reader *reader, const char *topic, char *error, size_t error_size)
{
    char *copy = strdup(topic);
    if (!copy) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    misnumbered_batch_turn(&reader->misnumbered, copy);
    unparsed_batch_turn(&reader->unparsed, copy);
    reader->unreadable.topic = copy;
    free(reader->topic);
    reader->topic = copy;
    return idle(reader, error, error_size);
}

/* A range that follows the one before is read from what is fetched already. */
static bool continues(const struct history_reader *reader, int32_t partition, int64_t from)
{
    return reader->state == READER_READING && partition == reader->partition &&
           from >= history_reader_position(reader) && from <= reader->next;
}

bool history_reader_begin(struct history_reader *reader, int32_t partition, int64_t from, int64_t to, char *error,
                          size_t error_size)
{
    bool goes_on = continues(reader, partition, from);
    history_queue_begin(&reader->queue);
    reader->to = to;
    if (goes_on)
        return true;
    reader->partition = partition;
    reader->next = from;
    history_jumps_forget(&reader->jumps);
    return from < to ? assign(reader, error, error_size) : idle(reader, error, error_size);
}

/* ---- events that are no messages ---- */

static void take_event(struct history_reader *reader, const rd_kafka_message_t *event)
{
    if (!event->rkt || event->partition != reader->partition) {
        if (event->err && event->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            history_client_note(&reader->client, event);
        return;
    }
    switch (event->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        history_client_hear(&reader->client);
        if (event->offset > reader->next)
            reader->next = event->offset;
        reader->state = reader->next < reader->to ? READER_ENDS : READER_READING;
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        reader->state = READER_LOST;
        return;
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        reader->state = READER_UNREADABLE;
        unreadable_batch_begin(&reader->unreadable, reader->partition, event->offset, reader->next, reader->to);
        return;
    default:
        /* Librdkafka reports some faults of a batch, such as a wrong checksum, and skips the batch. */
        history_client_note(&reader->client, event);
        reader->state = READER_DAMAGED;
    }
}

static enum history_reading pause(struct history_reader *reader, char *error, size_t error_size)
{
    return history_client_is_silent(&reader->client, reader->wait_ms, error, error_size) ? HISTORY_FAILED
                                                                                         : HISTORY_PAUSE;
}

/* The same after something that failed. */
static enum history_reading retry(struct history_reader *reader, char *error, size_t error_size)
{
    clock_sleep(RETRY_MS);
    return pause(reader, error, error_size);
}

/* Reports the offsets from `next` to `to` as missing, and goes on behind them. */
static enum history_reading report(struct history_reader *reader, int64_t to, int reason, struct history_hole *hole,
                                   char *error, size_t error_size)
{
    *hole = (struct history_hole){.partition = reader->partition, .from = reader->next, .to = to};
    hole->reason = reason;
    reader->next = to;
    history_client_hear(&reader->client);
    bool ok = to < reader->to ? assign(reader, error, error_size) : idle(reader, error, error_size);
    return ok ? HISTORY_HOLE : HISTORY_FAILED;
}

/* The range ends at or before the last stable offset of its time, and that does not move back. */
static enum history_reading look_at_edges(struct history_reader *reader, struct history_hole *hole, char *error,
                                          size_t error_size)
{
    int64_t first, end;
    if (!history_client_edges(&reader->client, reader->topic, reader->partition, EDGE_WAIT_MS, &first, &end,
                              reader->client.fault, sizeof(reader->client.fault)))
        return retry(reader, error, error_size);
    if (end < reader->to)
        return report(reader, reader->to, HOLE_REPLACED, hole, error, error_size);
    if (first > reader->next)
        return report(reader, first < reader->to ? first : reader->to, HOLE_DELETED, hole, error, error_size);
    if (reader->state == READER_ENDS) {
        reader->state = READER_READING; /* a false alarm; librdkafka goes on */
        return HISTORY_PAUSE;
    }
    reader->state = READER_DAMAGED;
    return pause(reader, error, error_size);
}

/* ---- wrong offsets ---- */

/* The messages from the first wrong one on are read again, behind its batch. */
static enum history_places verify_jumps(struct history_reader *reader)
{
    int64_t from;
    const bool is_asked = reader->jumps.due > 0;
    switch (history_jumps_verify(&reader->jumps, &reader->misnumbered, reader->partition, &from)) {
    case MESSAGE_UNKNOWN:
        return READING_UNKNOWN;
    case MESSAGE_IN_PLACE:
        if (is_asked)
            history_client_hear(&reader->client);
        return READING_IN_PLACE;
    case MESSAGE_MISPLACED:
        break;
    }
    history_queue_drop(&reader->queue);
    history_jumps_forget(&reader->jumps);
    history_client_hear(&reader->client);
    reader->next = from;
    reader->state = READER_MISPLACED;
    misnumbered_batch_begin(&reader->misnumbered, reader->partition, from, reader->to);
    return READING_MISPLACED;
}

enum history_places history_reader_verify(struct history_reader *reader)
{
    return reader->state == READER_DISORDER || reader->state == READER_MISPLACED ? READING_MISPLACED
                                                                                 : verify_jumps(reader);
}

enum history_places history_reader_find(struct history_reader *reader, int32_t partition, const struct log_mark *mark)
{
    switch (misnumbered_batch_find(&reader->misnumbered, partition, mark)) {
    case MESSAGE_IN_PLACE:
        return READING_IN_PLACE;
    case MESSAGE_MISPLACED:
        return READING_MISPLACED;
    case MESSAGE_UNKNOWN:
        break;
    }
    return READING_UNKNOWN;
}

/* A message came behind one with a higher offset. If no jump is wrong, a batch has several messages with one offset,
 * and then the next offsets have none; or its messages are in a wrong order, and those before the first one do not
 * come. */
static enum history_places look_back(struct history_reader *reader, int64_t offset)
{
    const struct jump *over = history_jumps_doubt(&reader->jumps, offset);
    reader->disorder.from = over ? over->from : reader->next;
    reader->disorder.to = over ? over->to.offset : reader->next + 1;
    const enum history_places places = verify_jumps(reader);
    if (places != READING_IN_PLACE)
        return places;
    if (over)
        reader->next = over->to.offset;
    reader->state = READER_DISORDER;
    return READING_MISPLACED;
}

/* Is the message, which has not been taken, in its place as far as that can be told now? An offset beyond the range, or
 * the last one, would end the reading. */
static enum history_places look_at_message(struct history_reader *reader, const rd_kafka_message_t *message)
{
    const bool ends = message->offset + 1 >= reader->to;
    if (message->offset < reader->next)
        return look_back(reader, message->offset);
    const bool is_due = message->offset > reader->next && history_jumps_note(&reader->jumps, reader->next, message);
    if (ends)
        history_jumps_doubt_last(&reader->jumps);
    const enum history_places places = is_due || ends ? verify_jumps(reader) : READING_IN_PLACE;
    if (places == READING_UNKNOWN && message->offset > reader->next)
        history_jumps_take_back(&reader->jumps);
    return places;
}

/* ---- what is left out ---- */

static enum history_reading report_disorder(struct history_reader *reader, struct history_hole *hole, char *error,
                                            size_t error_size)
{
    *hole = (struct history_hole){reader->partition, reader->disorder.from, reader->disorder.to, HOLE_MISNUMBERED};
    return assign(reader, error, error_size) ? HISTORY_HOLE : HISTORY_FAILED;
}

/* Takes a step of the search for the end of a batch that cannot be read as it is. */
static enum history_reading search_end(struct history_reader *reader, struct history_hole *hole, char *error,
                                       size_t error_size)
{
    const bool is_misplaced = reader->state == READER_MISPLACED;
    switch (is_misplaced ? misnumbered_batch_step(&reader->misnumbered) : unreadable_batch_step(&reader->unreadable)) {
    case BATCH_UNKNOWN:
        return retry(reader, error, error_size);
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
    return pause(reader, error, error_size);
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
        return retry(reader, error, error_size);
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
    return retry(reader, error, error_size);
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

/* The queue is empty, or what is left of it does not count. */
static enum history_reading go_on(struct history_reader *reader, struct history_hole *hole, char *error,
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
        clock_sleep(RETRY_MS);
        if (!assign(reader, error, error_size))
            return HISTORY_FAILED;
        break;
    case READER_READING:
        look_for_unparsed(reader);
        break;
    case READER_IDLE:
        break;
    }
    return pause(reader, error, error_size);
}

/* ---- reading ---- */

/* A message of the partition, and none from before the place that was assigned. */
static bool is_message(const struct history_reader *reader, const rd_kafka_message_t *next)
{
    return !next->err && next->partition == reader->partition && (next->offset >= reader->next || reader->has_message);
}

/* The range is read. An end of the log that was reported may be behind messages that are not verified. */
static enum history_reading end(struct history_reader *reader, char *error, size_t error_size)
{
    history_jumps_doubt_last(&reader->jumps);
    switch (history_reader_verify(reader)) {
    case READING_IN_PLACE:
        return HISTORY_END;
    case READING_MISPLACED:
        return HISTORY_PAUSE;
    case READING_UNKNOWN:
        break;
    }
    return retry(reader, error, error_size);
}

enum history_reading history_reader_next(struct history_reader *reader, rd_kafka_message_t **message,
                                         struct history_hole *hole, char *error, size_t error_size)
{
    struct history_queue *queue = &reader->queue;
    while (reader->next < reader->to || reader->state == READER_DISORDER) {
        if (reader->state != READER_READING ||
            (queue->taken == queue->count && !history_queue_fill(queue, reader->topic, reader->partition))) {
            history_queue_arrive(queue);
            const enum history_reading reading = go_on(reader, hole, error, error_size);
            history_queue_leave(queue);
            return reading;
        }
        rd_kafka_message_t *next = queue->messages[queue->taken];
        if (!is_message(reader, next)) {
            queue->taken++;
            take_event(reader, next);
            rd_kafka_message_destroy(next);
            continue;
        }
        const enum history_places places = look_at_message(reader, next);
        if (places == READING_UNKNOWN)
            return retry(reader, error, error_size);
        if (places == READING_MISPLACED)
            continue;
        reader->has_message = true;
        if (next->offset >= reader->to) {
            reader->next = next->offset; /* it stays for the range behind */
            break;
        }
        queue->taken++;
        reader->next = next->offset + 1;
        *message = next;
        return HISTORY_MESSAGE;
    }
    return end(reader, error, error_size);
}
