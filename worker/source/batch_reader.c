#include "worker/source/batch_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "worker/source/batch_client.h"
#include "worker/source/source_message.h"

#define WIDE_BYTES "1048576" /* of a response */

struct part {
    rd_kafka_queue_t *queue; /* of what was fetched; NULL: the partition is not read */
    int64_t offset;          /* where the reading began */
    int64_t after, before;   /* batch_reader_count; equal: nothing is counted */
    struct batch_wake wake;
};

struct batch_reader {
    struct batch_client client;
    struct part *parts;
    int32_t part_count;
};

struct batch_reader *batch_reader_open(const struct config *config, const char *topic, enum batch_reader_kind kind,
                                       char *error, size_t error_size)
{
    struct batch_reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    const bool is_wide = kind == BATCH_READER_WIDE;
    const struct batch_client_options options = {.isolation = is_wide ? "read_uncommitted" : "read_committed",
                                                 .fetch_bytes = is_wide ? WIDE_BYTES : "1",
                                                 .error_backoff_ms = "20"};
    if (batch_client_open(&reader->client, config, topic, &options, error, error_size))
        return reader;
    free(reader);
    return NULL;
}

void batch_reader_close(struct batch_reader *reader, bool may_destroy)
{
    if (!reader)
        return;
    for (int32_t i = 0; i < reader->part_count; i++)
        batch_reader_end(reader, i);
    batch_client_close(&reader->client, may_destroy);
    free(reader->parts);
    free(reader);
}

static struct part *part_of(struct batch_reader *reader, int32_t partition)
{
    if (partition >= reader->part_count) {
        int32_t count = partition + 16;
        struct part *grown = realloc(reader->parts, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        reader->parts = grown;
        while (reader->part_count < count)
            reader->parts[reader->part_count++] = (struct part){0};
    }
    return &reader->parts[partition];
}

bool batch_reader_begin(struct batch_reader *reader, int32_t partition, int64_t offset)
{
    struct part *part = part_of(reader, partition);
    batch_reader_end(reader, partition);
    part->queue = batch_client_begin(&reader->client, partition, offset);
    if (!part->queue)
        return false;
    part->offset = offset;
    part->after = part->before = 0;
    part->wake = batch_wake_begin();
    return true;
}

bool batch_reader_reads(struct batch_reader *reader, int32_t partition, int64_t offset)
{
    const struct part *part = part_of(reader, partition);
    return part->queue && part->offset == offset;
}

void batch_reader_end(struct batch_reader *reader, int32_t partition)
{
    struct part *part = part_of(reader, partition);
    if (!part->queue)
        return;
    batch_client_end(&reader->client, partition, part->queue);
    part->queue = NULL;
}

void batch_reader_count(struct batch_reader *reader, int32_t partition, int64_t after, int64_t before)
{
    struct part *part = part_of(reader, partition);
    part->after = after;
    part->before = before;
}

/* True if the message is an answer. */
static bool note(struct batch_reading *reading, struct part *part, const rd_kafka_message_t *message, bool is_first)
{
    if (message->err) {
        reading->error = message->err;
        return is_first;
    }
    if (message->offset < part->offset)
        return false;
    struct log_mark mark = source_message_mark(message);
    if (is_first)
        reading->first = mark;
    if (is_first || mark.offset >= reading->last.offset)
        reading->last = mark;
    reading->count++;
    if (mark.offset >= part->before)
        part->before = part->after;
    else if (mark.offset > part->after)
        reading->between++;
    return true;
}

bool batch_reader_take(struct batch_reader *reader, int32_t partition, struct batch_reading *reading)
{
    struct part *part = part_of(reader, partition);
    const size_t length = part->queue ? rd_kafka_queue_length(part->queue) : 0;
    bool is_answered = false;
    rd_kafka_poll(reader->client.handle, 0);
    if (length == 0) {
        if (part->queue)
            batch_client_wake(&reader->client, partition, &part->wake);
        return false;
    }
    /* All of the batch is there: librdkafka adds it to the queue at once. */
    rd_kafka_message_t **messages = calloc(length, sizeof(rd_kafka_message_t *));
    if (!messages)
        abort();
    ssize_t count = rd_kafka_consume_batch_queue(part->queue, 0, messages, length);
    *reading = (struct batch_reading){.error = RD_KAFKA_RESP_ERR_NO_ERROR};
    for (ssize_t i = 0; i < count; i++) {
        /* What follows the commands of the batch is an event behind it. */
        if (!is_answered || !messages[i]->err)
            is_answered = note(reading, part, messages[i], !is_answered) || is_answered;
        rd_kafka_message_destroy(messages[i]);
    }
    free(messages);
    if (is_answered)
        batch_reader_end(reader, partition);
    return is_answered;
}
