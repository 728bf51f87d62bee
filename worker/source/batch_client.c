#include "worker/source/batch_client.h"

#include <stdio.h>

#include "common/clock.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_fetching.h"
#include "worker/source/source_fill.h"

#define WAKE_AFTER_MS 3
#define WAKE_WAIT_MS  1

/* Librdkafka fetches the next batches only when the queue is empty. */
static rd_kafka_conf_t *configured(const struct config *config, const struct batch_client_options *options, char *error,
                                   size_t error_size)
{
    const struct kafka_owned owned[] = {{"debug", options->debug},
                                        {"isolation.level", options->isolation},
                                        {"enable.auto.commit", "false"},
                                        {"enable.auto.offset.store", "false"},
                                        {"enable.partition.eof", "true"},
                                        {"auto.offset.reset", "error"},
                                        {"check.crcs", "true"},
                                        {"statistics.interval.ms", "0"},
                                        {"max.partition.fetch.bytes", options->fetch_bytes},
                                        {"queued.min.messages", "1"},
                                        {"socket.nagle.disable", "true"},
                                        {"fetch.wait.max.ms", "1"},
                                        {"fetch.error.backoff.ms", options->error_backoff_ms},
                                        {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_consumer, owned, error, error_size);
    if (!conf)
        return NULL;
    /* Since 2.2.0 it waits this long before it looks again whether its queue, which a marker fills, is empty. */
    if (rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "1", error, error_size) == RD_KAFKA_CONF_INVALID)
        log_warning("setting rejected", LOG_TEXT("error", error));
    if (options->on_log)
        rd_kafka_conf_set_log_cb(conf, options->on_log);
    rd_kafka_conf_set_opaque(conf, options->opaque);
    return conf;
}

bool batch_client_open(struct batch_client *client, const struct config *config, const char *topic,
                       const struct batch_client_options *options, char *error, size_t error_size)
{
    *client = (struct batch_client){.name = topic};
    rd_kafka_conf_t *conf = configured(config, options, error, error_size);
    client->handle = conf ? kafka_conf_open(conf, RD_KAFKA_CONSUMER, error, error_size) : NULL;
    if (!client->handle)
        return false;
    client->topic = rd_kafka_topic_new(client->handle, topic, NULL);
    if (client->topic)
        return true;
    snprintf(error, error_size, "%s", rd_kafka_err2str(rd_kafka_last_error()));
    batch_client_close(client, true);
    return false;
}

void batch_client_close(struct batch_client *client, bool may_destroy)
{
    if (client->topic)
        rd_kafka_topic_destroy(client->topic);
    if (client->handle && may_destroy)
        rd_kafka_destroy(client->handle);
    *client = (struct batch_client){0};
}

rd_kafka_queue_t *batch_client_begin(struct batch_client *client, int32_t partition, int64_t offset)
{
    if (rd_kafka_consume_start(client->topic, partition, offset) == 0)
        return rd_kafka_queue_get_partition(client->handle, client->name, partition);
    source_log_error("reading a batch again failed", rd_kafka_last_error());
    return NULL;
}

void batch_client_end(struct batch_client *client, int32_t partition, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_destroy(queue);
    if (rd_kafka_consume_stop(client->topic, partition) != 0)
        source_log_error("ending the reading of a batch failed", rd_kafka_last_error());
}

struct batch_wake batch_wake_begin(void)
{
    return (struct batch_wake){clock_now_ms(), WAKE_AFTER_MS};
}

void batch_client_wake(struct batch_client *client, int32_t partition, struct batch_wake *wake)
{
    int64_t low, high, now = clock_now_ms();
    if (!kafka_fetching_needs_wakes() || now - wake->since_ms < wake->pause_ms)
        return;
    wake->since_ms = now;
    wake->pause_ms *= 2;
    /* Only the request counts. */
    (void)rd_kafka_query_watermark_offsets(client->handle, client->name, partition, &low, &high, WAKE_WAIT_MS);
}
