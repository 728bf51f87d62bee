#include "worker/replay/history_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/replay/history_client.h"
#include "worker/replay/unreadable_batch.h"

#define BATCH_MESSAGES 1024
#define POLL_MS        100
#define RETRY_MS       50
#define EDGE_WAIT_MS   1000
#define FETCH_BYTES    "4194304"
#define AHEAD_MESSAGES 1000000

#define JUMPS 1024 /* that are not verified yet */

#define BATCH_BYTES (4 * 1024 * 1024)

/* Librdkafka stops to fetch when its queue is full (history_client.c). Before 2.2.0 it looks at the queue again only
 * after a second, or when it has something else to do. A query gives it something to do: it is sent for so many bytes
 * that were taken from a queue that may have been full. */
#define WAKE_BYTES   (8 * 1024 * 1024)
#define FULL_BYTES   (16 * 1024 * 1024)
#define WAKE_WAIT_MS 1
#define WAKES_BEFORE 0x020200ff

/* Offsets without a message. They are a marker, an aborted message, a gap that compaction left; or the message behind
 * them has a wrong offset. */
struct jump {
    int64_t from;
    struct log_mark to;
};

struct history_reader {
    struct history_client client;
    rd_kafka_queue_t *queue;
    char *topic;
    int wait_ms;
    bool needs_wakes;

    enum reader_state {
        READER_IDLE,       /* nothing is assigned */
        READER_READING,    /* the partition is assigned */
        READER_ENDS,       /* the same, and librdkafka has found an end of the log before `to`: it must be looked at */
        READER_LOST,       /* the broker refused the offset: the log's edges must be looked at */
        READER_DAMAGED,    /* the partition must be assigned again at `next` */
        READER_UNREADABLE, /* the end of a batch is searched */
        READER_DISORDER    /* messages of a batch had one offset, or a wrong order: `disorder` must be reported */
    } state;               /* changed by take_event and by the functions that go_on calls */
    int32_t partition;
    int64_t next; /* everything before it was delivered, or is no message; beyond `to` where messages are rare */
    int64_t to;
    int64_t left_ms; /* until then the reader waited for Kafka, and the caller for the reader; CLOCK_MONOTONIC */

    rd_kafka_message_t *batch[BATCH_MESSAGES];
    size_t taken, count;  /* of the batch */
    size_t message_bytes; /* of a message, on average, in the batch */
    size_t taken_bytes;   /* since the last wake */
    size_t taken_messages;
    uint32_t ahead_messages; /* librdkafka's bound */
    struct unreadable_batch unreadable;

    struct jump jumps[JUMPS]; /* that are not verified, in their order; those before `verified` are */
    uint32_t jump_count, verified;
    struct jump disorder; /* while that is the state: offsets that do not come */
    bool has_message;     /* one came since the partition was assigned */
};

static void drop_batch(struct history_reader *reader)
{
    while (reader->taken < reader->count)
        rd_kafka_message_destroy(reader->batch[reader->taken++]);
    reader->taken = reader->count = 0;
}

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
    reader->message_bytes = 1;
    reader->ahead_messages = settings.messages;
    reader->needs_wakes = rd_kafka_version() < WAKES_BEFORE;
    unreadable_batch_init(&reader->unreadable, config, reader->topic);
    if (history_client_open(&reader->client, config, &settings, error, error_size) &&
        (reader->queue = rd_kafka_queue_get_consumer(reader->client.handle)))
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
    drop_batch(reader);
    if (reader->queue)
        rd_kafka_queue_destroy(reader->queue);
    history_client_close(&reader->client);
    unreadable_batch_close(&reader->unreadable);
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
    drop_batch(reader);
    reader->state = READER_READING;
    reader->has_message = false;
    return history_client_assign_one(&reader->client, reader->topic, reader->partition, reader->next, error,
                                     error_size);
}

static bool idle(struct history_reader *reader, char *error, size_t error_size)
{
    drop_batch(reader);
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
    free(reader->topic);
    reader->topic = copy;
    reader->unreadable.topic = copy;
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
    reader->client.heard_ms = reader->left_ms = clock_now_ms();
    reader->to = to;
    if (goes_on)
        return true;
    reader->partition = partition;
    reader->next = from;
    reader->jump_count = reader->verified = 0;
    return from < to ? assign(reader, error, error_size) : idle(reader, error, error_size);
}

/* ---- from librdkafka to the batch ---- */

/* The time that the caller takes for its messages is no silence of Kafka. */
static void arrive(struct history_reader *reader)
{
    int64_t now_ms = clock_now_ms();
    reader->client.heard_ms += now_ms - reader->left_ms;
    reader->left_ms = now_ms;
}

static void leave(struct history_reader *reader)
{
    reader->left_ms = clock_now_ms();
}

static void wake(struct history_reader *reader)
{
    char error[512];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->topic, reader->partition)->offset = RD_KAFKA_OFFSET_END;
    /* Only the request counts: librdkafka looks at its queues when it sends it. */
    bool is_answered = history_ask_offsets(reader->client.handle, list, WAKE_WAIT_MS, error, sizeof(error));
    (void)is_answered;
    rd_kafka_topic_partition_list_destroy(list);
    reader->taken_bytes = reader->taken_messages = 0;
}

static void keep_awake(struct history_reader *reader)
{
    const size_t left = rd_kafka_queue_length(reader->queue), queued = left + reader->count;
    reader->taken_bytes += reader->count * reader->message_bytes;
    reader->taken_messages += reader->count;
    const bool has_bytes = queued * reader->message_bytes >= FULL_BYTES && reader->taken_bytes >= WAKE_BYTES;
    const bool has_messages = left < reader->ahead_messages && reader->taken_messages >= reader->ahead_messages;
    if (has_bytes || has_messages)
        wake(reader);
}

static void measure_batch(struct history_reader *reader)
{
    size_t bytes = 0;
    for (size_t i = 0; i < reader->count; i++)
        bytes += reader->batch[i]->len + reader->batch[i]->key_len;
    reader->message_bytes = bytes / reader->count + 1;
}

/* So many messages as have BATCH_BYTES. The function would wait until the whole array is filled. So it waits for one
 * message only. */
static bool fill(struct history_reader *reader)
{
    size_t most = BATCH_BYTES / reader->message_bytes + 1;
    arrive(reader);
    ssize_t count =
        rd_kafka_consume_batch_queue(reader->queue, 0, reader->batch, most < BATCH_MESSAGES ? most : BATCH_MESSAGES);
    if (count <= 0)
        count = rd_kafka_consume_batch_queue(reader->queue, POLL_MS, reader->batch, 1);
    reader->taken = 0;
    reader->count = count > 0 ? (size_t)count : 0;
    leave(reader);
    if (reader->count == 0)
        return false;
    measure_batch(reader);
    if (reader->needs_wakes)
        keep_awake(reader);
    if (!reader->batch[reader->count - 1]->err)
        history_client_hear(&reader->client);
    return true;
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

static enum history_places place_of(struct history_reader *reader, const struct log_mark *mark)
{
    switch (unreadable_batch_verify(&reader->unreadable, reader->partition, mark)) {
    case MESSAGE_IN_PLACE:
        return READING_IN_PLACE;
    case MESSAGE_MISPLACED:
        return READING_MISPLACED;
    case MESSAGE_UNKNOWN:
        break;
    }
    return READING_UNKNOWN;
}

/* The end of a batch with wrong offsets is searched. */
static bool is_passing(const struct history_reader *reader)
{
    return reader->state == READER_UNREADABLE && reader->unreadable.fault == FAULT_OFFSETS;
}

/* Each jump must be verified: if a message with a wrong offset is the last one of a fetch, librdkafka goes on behind
 * that offset, and nothing else tells. The messages from the first wrong one on are read again, behind its batch. */
static enum history_places verify_jumps(struct history_reader *reader)
{
    enum history_places places = READING_IN_PLACE;
    while (places == READING_IN_PLACE && reader->verified < reader->jump_count) {
        places = place_of(reader, &reader->jumps[reader->verified].to);
        reader->verified += places == READING_IN_PLACE;
    }
    if (places == READING_UNKNOWN)
        return places;
    if (places == READING_MISPLACED) {
        drop_batch(reader);
        reader->next = reader->jumps[reader->verified].from;
        reader->state = READER_UNREADABLE;
        misnumbered_batch_begin(&reader->unreadable, reader->partition, reader->next, reader->to);
    }
    history_client_hear(&reader->client);
    reader->jump_count = reader->verified = 0;
    return places;
}

enum history_places history_reader_verify(struct history_reader *reader)
{
    return reader->state == READER_DISORDER || is_passing(reader) ? READING_MISPLACED : verify_jumps(reader);
}

/* A message came behind one with a higher offset. If no jump is wrong, a batch has several messages with one offset,
 * and then the next offsets have none; or its messages are in a wrong order, and those before the first one do not
 * come. */
static enum history_places look_back(struct history_reader *reader, int64_t offset)
{
    struct jump disorder = {.from = reader->next, .to = {.offset = reader->next + 1}};
    int64_t next = reader->next;
    for (uint32_t i = 0; i < reader->jump_count; i++) {
        if (offset < reader->jumps[i].from || offset >= reader->jumps[i].to.offset)
            continue;
        disorder = reader->jumps[i];
        next = disorder.to.offset;
    }
    const enum history_places places = verify_jumps(reader);
    if (places != READING_IN_PLACE)
        return places;
    reader->disorder = disorder;
    reader->next = next;
    reader->state = READER_DISORDER;
    return READING_MISPLACED;
}

static enum history_reading report_disorder(struct history_reader *reader, struct history_hole *hole, char *error,
                                            size_t error_size)
{
    *hole =
        (struct history_hole){reader->partition, reader->disorder.from, reader->disorder.to.offset, HOLE_MISNUMBERED};
    return assign(reader, error, error_size) ? HISTORY_HOLE : HISTORY_FAILED;
}

/* Is the message, which has not been taken, in its place as far as that can be told now? An offset beyond the range, or
 * the last one, would end the reading. */
static enum history_places look_at_message(struct history_reader *reader, const rd_kafka_message_t *message)
{
    if (message->offset < reader->next)
        return look_back(reader, message->offset);
    if (message->offset > reader->next)
        reader->jumps[reader->jump_count++] = (struct jump){reader->next, message_mark(message)};
    if (reader->jump_count < JUMPS && message->offset + 1 < reader->to)
        return READING_IN_PLACE;
    const enum history_places places = verify_jumps(reader);
    if (places == READING_UNKNOWN && message->offset > reader->next)
        reader->jump_count--; /* it is looked at again */
    return places;
}

static enum history_reading search_end(struct history_reader *reader, struct history_hole *hole, char *error,
                                       size_t error_size)
{
    switch (unreadable_batch_step(&reader->unreadable)) {
    case UNREADABLE_UNKNOWN:
        return retry(reader, error, error_size);
    case UNREADABLE_STEP:
        history_client_hear(&reader->client);
        return HISTORY_PAUSE;
    case UNREADABLE_ENDS:
        return report(reader, reader->unreadable.behind,
                      reader->unreadable.fault == FAULT_OFFSETS ? HOLE_MISNUMBERED : HOLE_UNREADABLE, hole, error,
                      error_size);
    case UNREADABLE_NOT:
        break;
    }
    reader->state = READER_DAMAGED;
    return pause(reader, error, error_size);
}

/* The batch is empty, or what is left of it does not count. */
static enum history_reading go_on(struct history_reader *reader, struct history_hole *hole, char *error,
                                  size_t error_size)
{
    switch (reader->state) {
    case READER_LOST:
    case READER_ENDS: /* the messages behind that end count */
        return look_at_edges(reader, hole, error, error_size);
    case READER_UNREADABLE:
        drop_batch(reader);
        switch (is_passing(reader) ? READING_IN_PLACE : history_reader_verify(reader)) {
        case READING_IN_PLACE:
            break;
        case READING_MISPLACED:
            return HISTORY_PAUSE;
        case READING_UNKNOWN:
            return retry(reader, error, error_size);
        }
        return search_end(reader, hole, error, error_size);
    case READER_DISORDER:
        return report_disorder(reader, hole, error, error_size);
    case READER_DAMAGED:
        clock_sleep(RETRY_MS);
        if (!assign(reader, error, error_size))
            return HISTORY_FAILED;
        break;
    case READER_IDLE:
    case READER_READING:
        break;
    }
    return pause(reader, error, error_size);
}

enum history_reading history_reader_next(struct history_reader *reader, rd_kafka_message_t **message,
                                         struct history_hole *hole, char *error, size_t error_size)
{
    while (reader->next < reader->to || reader->state == READER_DISORDER) {
        if (reader->state != READER_READING || (reader->taken == reader->count && !fill(reader))) {
            arrive(reader);
            enum history_reading reading = go_on(reader, hole, error, error_size);
            leave(reader);
            return reading;
        }
        rd_kafka_message_t *next = reader->batch[reader->taken];
        const bool is_message =
            !next->err && next->partition == reader->partition && (next->offset >= reader->next || reader->has_message);
        if (is_message) {
            const enum history_places places = look_at_message(reader, next);
            if (places == READING_UNKNOWN)
                return retry(reader, error, error_size);
            if (places == READING_MISPLACED)
                continue;
            reader->has_message = true;
        }
        if (is_message && next->offset >= reader->to) {
            reader->next = next->offset; /* it stays for the range behind */
            break;
        }
        reader->taken++;
        if (is_message) {
            reader->next = next->offset + 1;
            *message = next;
            return HISTORY_MESSAGE;
        }
        take_event(reader, next);
        rd_kafka_message_destroy(next);
    }
    /* An end of the log that was reported may be behind messages that are not verified. */
    switch (history_reader_verify(reader)) {
    case READING_IN_PLACE:
        break;
    case READING_MISPLACED:
        return HISTORY_PAUSE;
    case READING_UNKNOWN:
        return retry(reader, error, error_size);
    }
    return HISTORY_END;
}
