#include "worker/source/batch_reader.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/source/source_internal.h"
#include "worker/source/source_message.h"

/* Before 2.2.0 librdkafka may look at a partition only a second after its reading began, when it has nothing else to
 * do. A query gives it something to do. */
#define WAKES_BEFORE  0x020200ff
#define WAKE_AFTER_MS 3
#define WAKE_WAIT_MS  1

#define WIDE_BYTES "1048576" /* of a response */

struct part {
    rd_kafka_queue_t *queue; /* of what was fetched; NULL: the partition is not read */
    int64_t offset;          /* where the reading began */
    int64_t after, before;   /* batch_reader_count; equal: nothing is counted */
    int64_t woken_ms;        /* when it began, or when librdkafka was last woken */
    int64_t pause_ms;        /* until the next wake; longer each time */
};

struct batch_reader {
    rd_kafka_t *handle;
    rd_kafka_topic_t *topic;
    const char *name; /* borrowed */
    struct part *parts;
    int32_t part_count;
};

/* The broker returns one batch for a limit of one byte. Librdkafka fetches the next ones only when the queue is empty.
 */
static rd_kafka_t *client_new(const struct config *config, enum batch_reader_kind kind, char *error, size_t error_size)
{
    const bool is_wide = kind == BATCH_READER_WIDE;
    const struct {
        const char *name, *value;
    } owned[] = {{"isolation.level", is_wide ? "read_uncommitted" : "read_committed"},
                 {"enable.auto.commit", "false"},
                 {"enable.auto.offset.store", "false"},
                 {"enable.partition.eof", "true"},
                 {"auto.offset.reset", "error"},
                 {"check.crcs", "true"},
                 {"statistics.interval.ms", "0"},
                 {"max.partition.fetch.bytes", is_wide ? WIDE_BYTES : "1"},
                 {"queued.min.messages", "1"},
                 {"socket.nagle.disable", "true"},
                 {"fetch.wait.max.ms", "1"},
                 {"fetch.error.backoff.ms", "20"}};
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_consumer, error, error_size);
    bool ok = conf != NULL;
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]) && ok; i++)
        ok = kafka_conf_set(conf, owned[i].name, owned[i].value, error, error_size);
    /* Since 2.2.0 it waits this long before it looks at the queue again. */
    if (ok && rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "1", error, error_size) == RD_KAFKA_CONF_INVALID)
        log_warning("setting rejected", LOG_TEXT("error", error));
    rd_kafka_t *handle = ok ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, error_size) : NULL;
    if (conf && !handle)
        rd_kafka_conf_destroy(conf);
    return handle;
}

struct batch_reader *batch_reader_open(const struct config *config, const char *topic, enum batch_reader_kind kind,
                                       char *error, size_t error_size)
{
    struct batch_reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    reader->name = topic;
    reader->handle = client_new(config, kind, error, error_size);
    if (reader->handle && !(reader->topic = rd_kafka_topic_new(reader->handle, reader->name, NULL)))
        snprintf(error, error_size, "%s", rd_kafka_err2str(rd_kafka_last_error()));
    if (reader->topic)
        return reader;
    batch_reader_close(reader, true);
    return NULL;
}

void batch_reader_close(struct batch_reader *reader, bool may_destroy)
{
    if (!reader)
        return;
    for (int32_t i = 0; i < reader->part_count; i++)
        batch_reader_end(reader, i);
    if (reader->topic)
        rd_kafka_topic_destroy(reader->topic);
    if (reader->handle && may_destroy)
        rd_kafka_destroy(reader->handle);
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
    if (rd_kafka_consume_start(reader->topic, partition, offset) != 0) {
        source_log_error("reading a batch again failed", rd_kafka_last_error());
        return false;
    }
    part->queue = rd_kafka_queue_get_partition(reader->handle, reader->name, partition);
    part->offset = offset;
    part->after = part->before = 0;
    part->woken_ms = clock_now_ms();
    part->pause_ms = WAKE_AFTER_MS;
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
    rd_kafka_queue_destroy(part->queue);
    part->queue = NULL;
    if (rd_kafka_consume_stop(reader->topic, partition) != 0)
        source_log_error("ending the reading of a batch failed", rd_kafka_last_error());
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

static void wake(struct batch_reader *reader, int32_t partition, struct part *part)
{
    int64_t low, high, now = clock_now_ms();
    if (!part->queue || rd_kafka_version() >= WAKES_BEFORE || now - part->woken_ms < part->pause_ms)
        return;
    part->woken_ms = now;
    part->pause_ms *= 2;
    /* Only the request counts. */
    (void)rd_kafka_query_watermark_offsets(reader->handle, reader->name, partition, &low, &high, WAKE_WAIT_MS);
}

bool batch_reader_take(struct batch_reader *reader, int32_t partition, struct batch_reading *reading)
{
    struct part *part = part_of(reader, partition);
    const size_t length = part->queue ? rd_kafka_queue_length(part->queue) : 0;
    bool is_answered = false;
    rd_kafka_poll(reader->handle, 0);
    if (length == 0) {
        wake(reader, partition, part);
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
