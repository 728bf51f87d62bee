#include "tests/live/replay_sink.h"

#include <errno.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/quick_client.h"
#include "tests/live/tamper_client.h"

#define PARTITIONS 64

struct sink {
    const char *topics[SINK_TOPICS];
    unsigned partitions;
    int64_t next[SINK_TOPICS][PARTITIONS];
    FILE *files[SINK_TOPICS];
    rd_kafka_t *producer, *aborting; /* NULL where the sink is files */
};

static void set(rd_kafka_conf_t *settings, const char *name, const char *value)
{
    char error[256];
    if (rd_kafka_conf_set(settings, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        give_up(name, error);
}

/* The opaque value of a message is the offset that it should have. */
static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *unused)
{
    (void)producer;
    (void)unused;
    expect_fine("delivery", message->err);
    if (message->offset != (int64_t)(intptr_t)message->_private)
        give_up(rd_kafka_topic_name(message->rkt), "a message has another offset than it was given");
}

static rd_kafka_t *plain_producer(const char *bootstrap)
{
    char error[256];
    rd_kafka_conf_t *settings = quick_client_conf();
    rd_kafka_conf_set_dr_msg_cb(settings, delivered);
    set(settings, "bootstrap.servers", bootstrap);
    set(settings, "enable.idempotence", "true");
    set(settings, "linger.ms", "20");
    set(settings, "queue.buffering.max.messages", "200000");
    set(settings, "queue.buffering.max.kbytes", "262144");
    set(settings, "log_level", "2");
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, settings, error, sizeof(error));
    if (!producer)
        give_up(bootstrap, error);
    return producer;
}

static void expect_none(const char *what, rd_kafka_error_t *error)
{
    if (error)
        give_up(what, rd_kafka_error_string(error));
}

struct sink *sink_open(const char *bootstrap, const char *folder, const char *const topics[SINK_TOPICS],
                       unsigned partitions)
{
    static const char *const names[SINK_TOPICS] = {"commands", "replies", "elsewhere", "definitions"};
    struct sink *sink = calloc(1, sizeof(*sink));
    if (!sink || partitions > PARTITIONS)
        give_up("sink", "no memory, or too many partitions");
    sink->partitions = partitions;
    if (bootstrap) {
        sink->producer = plain_producer(bootstrap);
        sink->aborting = producer_new(bootstrap, topics[SINK_COMMANDS]);
        expect_none("transactions", rd_kafka_init_transactions(sink->aborting, REQUEST_MS));
    }
    for (int topic = 0; topic < SINK_TOPICS; topic++) {
        char path[1024];
        sink->topics[topic] = topics[topic];
        if (bootstrap) {
            topic_make(sink->producer, topics[topic], (int)partitions);
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder, names[topic]);
        sink->files[topic] = fopen(path, "w");
        if (!sink->files[topic])
            give_up(path, strerror(errno));
    }
    return sink;
}

int64_t sink_next(const struct sink *sink, enum sink_topic topic, int32_t partition)
{
    return sink->next[topic][partition];
}

static json_t *bytes_json(const char *bytes, size_t length)
{
    static char hex[2 * 4096 + 1];
    json_t *text = bytes ? json_stringn(bytes, length) : json_null();
    if (text)
        return text;
    for (size_t i = 0; i < length && i < 4096; i++)
        sprintf(hex + 2 * i, "%02x", (unsigned char)bytes[i]);
    return json_pack("{s:s}", "hex", hex);
}

static void print(struct sink *sink, enum sink_topic topic, json_t *line)
{
    if (json_dumpf(line, sink->files[topic], JSON_COMPACT) != 0 || putc('\n', sink->files[topic]) == EOF)
        give_up(sink->topics[topic], strerror(errno));
    json_decref(line);
}

static void send_to_file(struct sink *sink, const struct sink_message *message, int64_t offset)
{
    json_t *line = json_pack("{s:s, s:i, s:I, s:I}", "topic", sink->topics[message->topic], "partition",
                             (int)message->partition, "offset", (json_int_t)offset, "ts", (json_int_t)message->ts);
    if (message->is_aborted) {
        json_object_set_new(line, "committed", json_false());
    } else {
        json_t *headers = json_array();
        for (unsigned i = 0; i < message->header_count; i++) {
            json_array_append_new(headers, json_string(message->headers[i].name));
            json_array_append_new(headers, json_string(message->headers[i].value));
        }
        json_object_set_new(line, "headers", headers);
        json_object_set_new(line, "key", bytes_json(message->key, message->key ? strlen(message->key) : 0));
        json_object_set_new(line, "payload", bytes_json(message->value, message->length));
    }
    print(sink, message->topic, line);
}

static void produce(rd_kafka_t *producer, const struct sink *sink, const struct sink_message *message, int64_t offset)
{
    rd_kafka_resp_err_t code;
    do {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
        for (unsigned i = 0; i < message->header_count; i++)
            rd_kafka_header_add(headers, message->headers[i].name, -1, message->headers[i].value, -1);
        code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(sink->topics[message->topic]), RD_KAFKA_V_PARTITION(message->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(message->ts),
            RD_KAFKA_V_KEY(message->key, message->key ? strlen(message->key) : 0),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value, message->length), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_OPAQUE((void *)(intptr_t)offset), RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_headers_destroy(headers);
        rd_kafka_poll(producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 10 : 0);
    } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    expect_fine(sink->topics[message->topic], code);
}

/* The broker writes the marker when it has already answered. */
static void await_marker(struct sink *sink, const struct sink_message *message, int64_t marker)
{
    int64_t low, high = 0;
    for (int i = 0; high <= marker; i++) {
        if (i == 1000)
            give_up(sink->topics[message->topic], "a transaction has no marker");
        expect_fine("watermarks", rd_kafka_query_watermark_offsets(sink->producer, sink->topics[message->topic],
                                                                   message->partition, &low, &high, REQUEST_MS));
        if (high <= marker)
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
}

/* What was sent before must be in the log before it. */
static void produce_aborted(struct sink *sink, const struct sink_message *message, int64_t offset)
{
    expect_fine("flush", rd_kafka_flush(sink->producer, 10 * REQUEST_MS));
    expect_none("transaction", rd_kafka_begin_transaction(sink->aborting));
    produce(sink->aborting, sink, message, offset);
    expect_fine("flush", rd_kafka_flush(sink->aborting, REQUEST_MS));
    expect_none("transaction", rd_kafka_abort_transaction(sink->aborting, REQUEST_MS));
    await_marker(sink, message, offset + 1);
}

void sink_send(struct sink *sink, const struct sink_message *message)
{
    int64_t offset = sink->next[message->topic][message->partition]++;
    if (message->is_aborted)
        sink->next[message->topic][message->partition]++; /* the transaction's marker */
    if (!sink->producer)
        send_to_file(sink, message, offset);
    else if (message->is_aborted)
        produce_aborted(sink, message, offset);
    else
        produce(sink->producer, sink, message, offset);
}

void sink_close(struct sink *sink)
{
    if (sink->producer) {
        expect_fine("flush", rd_kafka_flush(sink->producer, 10 * REQUEST_MS));
        rd_kafka_destroy(sink->producer);
        rd_kafka_destroy(sink->aborting);
    }
    for (int topic = 0; topic < SINK_TOPICS && !sink->producer; topic++) {
        for (unsigned partition = 0; partition < sink->partitions; partition++)
            print(sink, (enum sink_topic)topic,
                  json_pack("{s:s, s:i, s:i, s:I, s:I}", "topic", sink->topics[topic], "partition", (int)partition,
                            "first", 0, "stable", (json_int_t)sink->next[topic][partition], "high",
                            (json_int_t)sink->next[topic][partition]));
        if (fclose(sink->files[topic]) != 0)
            give_up(sink->topics[topic], strerror(errno));
    }
    free(sink);
}
