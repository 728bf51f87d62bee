#include "worker/replay/history_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/replay/history_reader_internal.h"

#define FETCH_BYTES    "4194304"
#define AHEAD_MESSAGES 1000000

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

bool history_assign(struct history_reader *reader, char *error, size_t error_size)
{
    history_queue_drop(&reader->queue);
    reader->state = READER_READING;
    reader->has_message = false;
    return history_client_assign_one(&reader->client, reader->topic, reader->partition, reader->next, error,
                                     error_size);
}

bool history_idle(struct history_reader *reader, char *error, size_t error_size)
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
    return history_idle(reader, error, error_size);
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
    return from < to ? history_assign(reader, error, error_size) : history_idle(reader, error, error_size);
}

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

enum history_reading history_pause(struct history_reader *reader, char *error, size_t error_size)
{
    return history_client_is_silent(&reader->client, reader->wait_ms, error, error_size) ? HISTORY_FAILED
                                                                                         : HISTORY_PAUSE;
}

enum history_reading history_retry(struct history_reader *reader, char *error, size_t error_size)
{
    clock_sleep(HISTORY_RETRY_MS);
    return history_pause(reader, error, error_size);
}

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
    return history_retry(reader, error, error_size);
}

enum history_reading history_reader_next(struct history_reader *reader, rd_kafka_message_t **message,
                                         struct history_hole *hole, char *error, size_t error_size)
{
    struct history_queue *queue = &reader->queue;
    while (reader->next < reader->to || reader->state == READER_DISORDER) {
        if (reader->state != READER_READING ||
            (queue->taken == queue->count && !history_queue_fill(queue, reader->topic, reader->partition))) {
            history_queue_arrive(queue);
            const enum history_reading reading = history_go_on(reader, hole, error, error_size);
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
        const enum history_places places = history_look_at_message(reader, next);
        if (places == READING_UNKNOWN)
            return history_retry(reader, error, error_size);
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
