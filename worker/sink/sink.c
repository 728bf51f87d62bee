#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_log.h"
#include "worker/kafka/kafka_refusal.h"
#include "worker/sink/sink_internal.h"

#define LOG_ERROR 3 /* syslog's, as librdkafka has them */

static bool transactional_id(const struct config *config, rd_kafka_conf_t *conf, const char *name, char *error,
                             size_t error_size)
{
    const char *prefix = config_kafka(config, config->kafka_producer, "transactional.id");
    if (!prefix)
        prefix = "client-intake";
    char id[256];
    snprintf(id, sizeof(id), "%s-%s", prefix, name);
    return rd_kafka_conf_set(conf, "transactional.id", id, error, error_size) == RD_KAFKA_CONF_OK;
}

static void sink_arrived(struct sink *sink, const rd_kafka_message_t *message, struct item *item,
                         enum message_kind kind)
{
    /* Without an offset the broker did not confirm it: librdkafka infers it from other messages. */
    if (message->offset < 0)
        sink->connection_lost = true;
    else if (kind == MESSAGE_RECORD)
        offsets_raise(&sink->record_ends, message->partition, message->offset + 1);
    if (sink->transactional)
        return;
    /* After a connection was lost, a report may be about another message (see on_error). */
    if (sink->connection_lost)
        sink->failed++;
    else
        item_confirm(item, kind);
}

/* Librdkafka would log each failed message. The sink counts them and logs once. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct sink *sink = opaque;
    uintptr_t tag = (uintptr_t)message->_private;
    enum message_kind kind = tag & 3;
    sink->undelivered--;
    sink_route_ended(sink, message);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        sink_arrived(sink, message, &sink->batch->items[tag >> 2], kind);
        return;
    }
    sink->failed++;
    if (kafka_is_too_large(message->err)) {
        sink->oversized = !sink->single;
        if (sink->single)
            sink_refuse(sink, &sink->batch->items[tag >> 2], kind);
        return;
    }
    /* A purge follows from an error that has been logged already. */
    if (message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        log_fault_begin(sink->fault, LOG_LIST(LOG_TEXT("topic", rd_kafka_topic_name(message->rkt)),
                                              LOG_TEXT("error", rd_kafka_err2str(message->err))));
}

/* Librdkafka recovers from these errors itself, with two exceptions. Before 2.3.0 it may repeat a produce request whose
 * answer was lost under other sequence numbers, and the broker then takes new messages for repetitions (its issue
 * #4438). And a late EndTxn may end the next transaction, since librdkafka has no KIP-890. So a transaction during
 * which a connection was lost is not committed, and its producer is not used again. */
static void on_error(rd_kafka_t *producer, int code, const char *reason, void *opaque)
{
    struct sink *sink = opaque;
    (void)code;
    sink->connection_lost = true;
    kafka_log(producer, LOG_ERROR, "ERROR", reason);
}

static rd_kafka_topic_t *sink_topic(struct sink *sink, const char *name)
{
    return rd_kafka_topic_new(sink->producer, name, NULL);
}

static bool sink_topics(struct sink *sink)
{
    sink->records = sink_topic(sink, sink->config->records.topic);
    sink->dead_letters = sink_topic(sink, sink->config->dead_letters.topic);
    return sink->records && sink->dead_letters && sink_topics_open(sink);
}

static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    struct sink *sink = rd_kafka_opaque(producer);
    kafka_log(producer, level, facility, text);
    if (sink)
        sink_routes_read_log(sink, facility, text);
}

/* True if messages are sent uncompressed. */
static bool is_uncompressed(const rd_kafka_conf_t *conf)
{
    char codec[32] = "";
    size_t size = sizeof(codec);
    return rd_kafka_conf_get(conf, "compression.codec", codec, &size) != RD_KAFKA_CONF_OK || strcmp(codec, "none") == 0;
}

static size_t most_bytes(const rd_kafka_conf_t *conf)
{
    char text[32] = "";
    size_t size = sizeof(text);
    if (rd_kafka_conf_get(conf, "message.max.bytes", text, &size) != RD_KAFKA_CONF_OK)
        return SIZE_MAX;
    return (size_t)strtoull(text, NULL, 10);
}

struct sink *sink_open(const struct config *config, const char *name, struct reply_topics *topics, struct batch *batch,
                       bool single, struct size_limits *limits, struct log_fault *fault)
{
    char error[512] = "out of memory";
    struct sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        goto failed;
    sink->config = config;
    sink->topics = topics;
    sink->batch = batch;
    sink->single = single;
    sink->transactional = config->delivery.mode == DELIVERY_EXACTLY_ONCE;
    sink->limits = limits;
    sink->fault = fault;
    sink->inherited = fault->began_ms != 0;
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_producer, error, sizeof(error));
    if (!conf)
        goto failed;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_opaque(conf, sink);
    sink->knows_sizes = is_uncompressed(conf);
    sink->message_most = most_bytes(conf);
    bool ok = sink->transactional
                  ? transactional_id(config, conf, name, error, sizeof(error))
                  : rd_kafka_conf_set(conf, "enable.idempotence", "true", error, sizeof(error)) == RD_KAFKA_CONF_OK;
    /* A topic that a command names may be deleted a moment later. A request for it must not create it. */
    ok = ok && kafka_conf_set(conf, "allow.auto.create.topics", "false", error, sizeof(error));
    if (ok && single)
        ok = kafka_conf_set(conf, "batch.num.messages", "1", error, sizeof(error));
    if (ok)
        sink->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (!sink->producer) {
        rd_kafka_conf_destroy(conf);
        goto failed;
    }
    if (sink_topics(sink))
        return sink;
    snprintf(error, sizeof(error), "%s", rd_kafka_err2str(rd_kafka_last_error()));
failed:
    log_fault_begin(fault, LOG_LIST(LOG_TEXT("error", error)));
    sink_close(sink);
    return NULL;
}

void sink_close(struct sink *sink)
{
    if (!sink)
        return;
    if (sink->producer) {
        sink_routes_deny(sink);
        rd_kafka_resp_err_t code = rd_kafka_purge(sink->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            log_debug("purging failed", LOG_TEXT("error", rd_kafka_err2str(code)));
        code = rd_kafka_flush(sink->producer, 1000);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            log_debug("flushing failed", LOG_TEXT("error", rd_kafka_err2str(code)));
    }
    sink_topics_release(sink);
    if (sink->records)
        rd_kafka_topic_destroy(sink->records);
    if (sink->dead_letters)
        rd_kafka_topic_destroy(sink->dead_letters);
    if (sink->producer)
        rd_kafka_destroy(sink->producer);
    sink_topics_free(sink);
    offsets_free(&sink->record_ends);
    free(sink);
}

/* Reads the number of partitions, which a reply without a key needs. This also makes the first send to the topic quick.
 */
static bool sink_learn_topic(struct sink *sink, rd_kafka_topic_t *topic, int32_t *partitions, int wait_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(sink->producer, 0, topic, &metadata, wait_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (partitions && code == RD_KAFKA_RESP_ERR_NO_ERROR)
            *partitions = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    log_fault_begin(sink->fault,
                    LOG_LIST(LOG_TEXT("topic", rd_kafka_topic_name(topic)), LOG_TEXT("error", rd_kafka_err2str(code))));
    return false;
}

static bool sink_learn_topics(struct sink *sink, int wait_ms)
{
    int32_t partitions = 0;
    if (!sink_learn_topic(sink, sink->default_topic->handle, &partitions, wait_ms) ||
        !sink_learn_topic(sink, sink->records, NULL, wait_ms) ||
        !sink_learn_topic(sink, sink->dead_letters, NULL, wait_ms))
        return false;
    sink_default_learned(sink, partitions);
    return true;
}

/* After an outage the table of reply topics may be old, and a reply for a new topic would go elsewhere. So the cluster
 * must have been asked since. */
static bool sink_has_news(struct sink *sink, int wait_ms)
{
    if (sink->waited && reply_topics_asked_ms(sink->topics) < sink->learned_ms)
        reply_topics_look_again(sink->topics, wait_ms);
    return !sink->waited || reply_topics_asked_ms(sink->topics) >= sink->learned_ms;
}

static enum sink_result sink_try_prepare(struct sink *sink, int wait_ms)
{
    if (sink->transactional && !sink->initialized) {
        enum sink_result result =
            sink_classify(sink, "init transactions", rd_kafka_init_transactions(sink->producer, wait_ms));
        if (result != SINK_DONE)
            return result == SINK_ABORTED ? SINK_BROKEN : result;
        sink->initialized = true;
    }
    if (sink->learned_ms == 0) {
        if (!sink_learn_topics(sink, wait_ms))
            return SINK_LATER;
        sink->learned_ms = clock_now_ms();
    }
    if (!sink_has_news(sink, wait_ms))
        return SINK_LATER;
    if (!sink->inherited)
        log_fault_end(sink->fault);
    sink->prepared = true;
    return SINK_DONE;
}

enum sink_result sink_prepare(struct sink *sink, int wait_ms)
{
    if (sink->prepared)
        return SINK_DONE;
    enum sink_result result = sink_try_prepare(sink, wait_ms);
    sink->waited = sink->waited || result == SINK_LATER;
    return result;
}

bool sink_is_oversized(const struct sink *sink)
{
    return sink->oversized;
}

bool sink_has_refused_client(const struct sink *sink)
{
    return sink->has_refused_client;
}

bool sink_has_refused(const struct sink *sink)
{
    return sink->has_refused || sink->oversized;
}

const struct offsets *sink_record_ends(const struct sink *sink)
{
    return &sink->record_ends;
}

bool sink_commit_was_tried(const struct sink *sink)
{
    return sink->commit_tried;
}

bool sink_is_uncertain(const struct sink *sink)
{
    return sink->commit_uncertain || sink->connection_lost || sink_topics_are_many(sink);
}
