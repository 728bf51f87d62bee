#include "worker/kafka/kafka_client.h"

#include <string.h>

#include "worker/kafka/kafka_conf.h"

/* "All brokers are down" only summarizes earlier errors, without their reasons. */
static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    struct kafka_client *client = opaque;
    (void)handle;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || client->fault[0] == '\0')
        snprintf(client->fault, sizeof(client->fault), "%s", reason);
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    struct kafka_client *client = opaque;
    (void)handle;
    client->delivery = message->err;
    client->partition = message->partition;
    client->offset = message->offset;
}

bool kafka_client_open(struct kafka_client *client, const struct config *config, char *error, size_t error_size)
{
    /* A new topic may take this long to be known everywhere. A topic that does not exist is awaited no longer. */
    static const struct kafka_owned owned[] = {
        {"topic.metadata.propagation.max.ms", "3000"}, {"acks", "all"}, {NULL, NULL}};
    *client = (struct kafka_client){0};
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_producer, owned, error, error_size);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    client->handle = kafka_conf_open(conf, RD_KAFKA_PRODUCER, error, error_size);
    return client->handle != NULL;
}

void kafka_client_close(struct kafka_client *client)
{
    rd_kafka_destroy(client->handle);
    client->handle = NULL;
}

/* librdkafka's own report, if there is one, says more than the code. */
static void explain(struct kafka_client *client, rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    rd_kafka_poll(client->handle, 0);
    snprintf(error, error_size, "%s", client->fault[0] ? client->fault : rd_kafka_err2str(code));
}

const struct rd_kafka_metadata *kafka_client_metadata(struct kafka_client *client, char *error, size_t error_size)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client->handle, 1, NULL, &metadata, KAFKA_CLIENT_WAIT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return metadata;
    explain(client, code, error, error_size);
    return NULL;
}

const struct rd_kafka_metadata_topic *kafka_metadata_topic(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0 &&
            metadata->topics[i].err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return &metadata->topics[i];
    return NULL;
}

bool kafka_client_append(struct kafka_client *client, const char *topic, const char *key, const char *value,
                         size_t value_size, char *error, size_t error_size)
{
    client->delivery = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        client->handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
        RD_KAFKA_V_VALUE((void *)value, value_size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_flush(client->handle, KAFKA_CLIENT_WAIT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = client->delivery;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        explain(client, code, error, error_size);
    else
        snprintf(error, error_size, "%s", rd_kafka_err2str(code));
    /* Messages that still wait must not be stored after we reported a failure. */
    rd_kafka_purge(client->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(client->handle, 0);
    return false;
}

rd_kafka_t *kafka_observer_new(const struct config *config, const char *group, char *error, size_t error_size)
{
    const struct kafka_owned owned[] = {
        {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"}, {"group.id", group}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_consumer, owned, error, error_size);
    return conf ? kafka_conf_open(conf, RD_KAFKA_CONSUMER, error, error_size) : NULL;
}
