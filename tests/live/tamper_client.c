#include "tests/live/tamper_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/quick_client.h"

void give_up(const char *what, const char *error)
{
    fprintf(stderr, "tamper: %s: %s\n", what, error);
    exit(69);
}

void expect_fine(const char *what, rd_kafka_resp_err_t code)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(what, rd_kafka_err2str(code));
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *unused)
{
    (void)producer;
    (void)unused;
    expect_fine("delivery", message->err);
    if (message->offset < 0)
        give_up("delivery", "librdkafka takes a message for stored that the broker has not confirmed");
}

rd_kafka_t *producer_new(const char *bootstrap, const char *transactional_id)
{
    char error[256];
    rd_kafka_conf_t *settings = quick_client_conf();
    rd_kafka_conf_set_dr_msg_cb(settings, delivered);
    if (rd_kafka_conf_set(settings, "bootstrap.servers", bootstrap, error, sizeof(error)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "enable.idempotence", "true", error, sizeof(error)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "log_level", "2", error, sizeof(error)) != RD_KAFKA_CONF_OK ||
        (transactional_id &&
         rd_kafka_conf_set(settings, "transactional.id", transactional_id, error, sizeof(error)) != RD_KAFKA_CONF_OK))
        give_up(bootstrap, error);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, settings, error, sizeof(error));
    if (!producer)
        give_up(bootstrap, error);
    return producer;
}

rd_kafka_t *consumer_new(const char *bootstrap, const char *group)
{
    char error[256];
    rd_kafka_conf_t *settings = quick_client_conf();
    if (rd_kafka_conf_set(settings, "bootstrap.servers", bootstrap, error, sizeof(error)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "group.id", group, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        give_up(bootstrap, error);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof(error));
    if (!consumer)
        give_up(bootstrap, error);
    return consumer;
}

void topic_make(rd_kafka_t *producer, const char *name, int partitions)
{
    char error[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, error, sizeof(error));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer);
    rd_kafka_CreateTopics(producer, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS);
    if (!event)
        give_up(name, "not made in time");
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    expect_fine(name, rd_kafka_event_error(event));
    expect_fine(name, rd_kafka_topic_result_error(results[0]));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);

    /* Otherwise the producer would ask for the partitions a second later. */
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, name, NULL);
    const struct rd_kafka_metadata *metadata;
    expect_fine(name, rd_kafka_metadata(producer, 0, handle, &metadata, REQUEST_MS));
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}
