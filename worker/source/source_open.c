/* The consumer is opened and closed. */
#include "worker/source/source_open.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_log.h"
#include "worker/metrics/thread_board.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_group.h"
#include "worker/source/source_log.h"
#include "worker/source/source_member.h"
#include "worker/source/source_ownership.h"

#define LOG_ERROR 3     /* syslog's, as librdkafka has them */
#define CAUSE_MS  10000 /* how old an error may be that made all brokers unreachable */

/* Librdkafka repairs lost connections itself; this only reports them. */
static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *opaque)
{
    struct source *source = opaque;
    struct complaint *complaint = &metrics_board(source->metrics)->kafka;
    kafka_log(consumer, LOG_ERROR, "ERROR", reason);
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        complaint_begin(complaint, reason, SPAN(""));
        source->error_ms = clock_now_ms();
        if (!source->cut_off)
            complaint_end(complaint);
    } else if (!source->cut_off) {
        struct complaint_view last = complaint_read(complaint);
        bool is_recent = source->error_ms != 0 && clock_now_ms() - source->error_ms < CAUSE_MS;
        complaint_begin(complaint, "no broker can be reached", span_of_text(is_recent ? last.text : reason));
        source->cut_off = true;
    }
}

static rd_kafka_conf_t *source_settings(struct source *source, const struct config *config, unsigned thread,
                                        char *error, size_t error_size)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_consumer, error, error_size);
    if (!conf)
        return NULL;
    /* Each thread is a member of its own, so it needs an id of its own. */
    const char *instance = config_kafka(config, config->kafka_consumer, "group.instance.id");
    char numbered[256];
    snprintf(numbered, sizeof(numbered), "%s-%u", instance ? instance : "", thread);
    const struct {
        const char *name, *value;
    } owned[] = {{"enable.auto.commit", "false"},
                 {"enable.auto.offset.store", "false"},
                 {"enable.partition.eof", "true"},
                 {"isolation.level", "read_committed"},
                 {"partition.assignment.strategy", "cooperative-sticky"},
                 {"group.instance.id", numbered}};
    size_t count = sizeof(owned) / sizeof(owned[0]) - (instance ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_conf_set(conf, owned[i].name, owned[i].value, error, error_size) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    /* When its queue is full, librdkafka waits a second before it fetches again. Since 2.2.0 that can be shortened. */
    if (rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", error, error_size) == RD_KAFKA_CONF_INVALID)
        log_warning("setting rejected", LOG_TEXT("error", error));
    rd_kafka_conf_set_rebalance_cb(conf, source_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, source);
    return conf;
}

rd_kafka_resp_err_t source_subscribe(struct source *source)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, source->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(source->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code;
}

struct source *source_open(const struct config *config, unsigned thread, struct batch *batch, struct metrics *metrics)
{
    char error[512] = "out of memory";
    struct source *source = calloc(1, sizeof(*source));
    if (!source)
        goto failed;
    source->config = config;
    source->metrics = metrics;
    source->topic = config->commands.topic;
    source->probed = -1;
    source->records_topic = config->records.topic;
    source->definitions_topic = config->definitions.topic;
    source->session_ms = atoll(config_kafka(config, config->kafka_consumer, "session.timeout.ms"));
    source->batch_bytes = (size_t)config->batch.bytes;
    source->held_bytes = config_held_bytes(config);
    source->batch = batch;
    source->fault =
        (struct log_fault){"consumer failing", "consumer recovered", .told = &metrics_board(metrics)->kafka};
    source->progress_fault = (struct log_fault){"reading committed offsets failing; commands wait",
                                                "committed offsets read again", .told = &metrics_board(metrics)->kafka};
    source->verifying_fault =
        (struct log_fault){"verifying offsets failing; commands wait", "offsets verified again", .told = NULL};
    source->messages = calloc(batch->capacity, sizeof(*source->messages));
    source->partitions = partitions_new();
    if (!source->messages || !source->partitions)
        goto failed;
    rd_kafka_conf_t *conf = source_settings(source, config, thread, error, sizeof(error));
    if (!conf)
        goto failed;
    source->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (!source->consumer) {
        rd_kafka_conf_destroy(conf);
        goto failed;
    }
    source->group = source_no_group(config);
    source->lag = lag_new(source->topic, metrics);
    source->fetched = rd_kafka_queue_get_consumer(source->consumer);
    if (!source->lag || !source->fetched)
        goto failed;
    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(source->consumer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = source_subscribe(source);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return source;
    snprintf(error, sizeof(error), "%s", rd_kafka_err2str(code));
failed:;
    int64_t left_out;
    if (kafka_log_is_news("cannot consume", error, &left_out))
        log_error("cannot consume", LOG_TEXT("error", error));
    source_close(source);
    return NULL;
}

bool source_may_destroy(const struct source *source)
{
    return rd_kafka_version() >= 0x020300ff || (source->was_assigned && !source->was_lost);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->messages && source->partitions)
        source_release(source);
    held_messages_close(&source->held);
    if (source->fetched)
        rd_kafka_queue_destroy(source->fetched);
    if (source->consumer) {
        rd_kafka_resp_err_t code = rd_kafka_consumer_close(source->consumer);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            source_log_error("leaving the group failed", code);
        source_forget_member(source);
        if (source_may_destroy(source))
            rd_kafka_destroy(source->consumer);
    }
    if (source->group)
        rd_kafka_consumer_group_metadata_destroy(source->group);
    if (source->observer)
        rd_kafka_destroy(source->observer);
    source_end_watch(source);
    source_close_logs(source);
    lag_free(source->lag);
    free(source->positions);
    partitions_free(source->partitions);
    free(source->messages);
    free(source);
}
