#include "worker/replay/history_client.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_assign.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_fetching.h"

#define MESSAGES    1000000
#define ASK_WAIT_MS 1

static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    struct history_client *client = opaque;
    (void)handle;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || client->fault[0] == '\0')
        snprintf(client->fault, sizeof(client->fault), "%s", reason);
}

static int64_t sum_of_offsets(json_t *statistics)
{
    const char *name, *number;
    json_t *topic, *partition;
    int64_t sum = 0;
    json_object_foreach(json_object_get(statistics, "topics"), name, topic)
        json_object_foreach(json_object_get(topic, "partitions"), number, partition)
    {
        int64_t offset = json_integer_value(json_object_get(partition, "next_offset"));
        sum += offset > 0 ? offset : 0;
    }
    return sum;
}

static int on_statistics(rd_kafka_t *handle, char *text, size_t length, void *opaque)
{
    struct history_client *client = opaque;
    (void)handle;
    json_t *statistics = json_loadb(text, length, 0, NULL);
    int64_t fetched = statistics ? sum_of_offsets(statistics) : client->fetched;
    json_decref(statistics);
    if (fetched != client->fetched)
        client->heard_ms = clock_now_ms();
    client->fetched = fetched;
    return 0; /* librdkafka frees the text */
}

/* The length of the queue bounds memory. It must be long in messages: beyond its limits librdkafka stops to fetch, and
 * before 2.2.0 it looks again only after a second. */
static rd_kafka_conf_t *configured(const struct config *config, const struct history_client_settings *settings,
                                   char *error, size_t error_size)
{
    char messages[16];
    snprintf(messages, sizeof(messages), "%" PRIu32, settings->messages > 0 ? settings->messages : MESSAGES);
    /* "false" is the default. Librdkafka warns of old brokers if it is set. */
    const bool may_create = config_kafka(config, config->kafka_consumer, "allow.auto.create.topics");
    const struct kafka_owned owned[] = {{"isolation.level", settings->isolation},
                                        {"auto.offset.reset", settings->reset},
                                        {"max.partition.fetch.bytes", settings->fetch_bytes},
                                        {"enable.auto.commit", "false"},
                                        {"enable.auto.offset.store", "false"},
                                        {"enable.partition.eof", "true"},
                                        {"check.crcs", "true"},
                                        {"fetch.wait.max.ms", "10"},
                                        {"fetch.error.backoff.ms", "20"},
                                        {"queued.min.messages", messages},
                                        {"queued.max.messages.kbytes", "32768"},
                                        {"statistics.interval.ms", "1000"},
                                        {"fetch.queue.backoff.ms", kafka_fetching_needs_wakes() ? NULL : "2"},
                                        {"allow.auto.create.topics", may_create ? "false" : NULL},
                                        {NULL, NULL}};
    return kafka_conf_with(config, config->kafka_consumer, owned, error, error_size);
}

bool history_client_open(struct history_client *client, const struct config *config,
                         const struct history_client_settings *settings, char *error, size_t error_size)
{
    *client = (struct history_client){.heard_ms = clock_now_ms()};
    rd_kafka_conf_t *conf = configured(config, settings, error, error_size);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    client->handle = kafka_conf_open(conf, RD_KAFKA_CONSUMER, error, error_size);
    if (!client->handle)
        return false;
    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(client->handle);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    snprintf(error, error_size, "%s", rd_kafka_err2str(code));
    history_client_close(client);
    return false;
}

void history_client_close(struct history_client *client)
{
    if (!client->handle)
        return;
    rd_kafka_consumer_close(client->handle);
    rd_kafka_destroy(client->handle);
    client->handle = NULL;
}

void history_client_hear(struct history_client *client)
{
    client->heard_ms = clock_now_ms();
    client->fault[0] = '\0';
}

void history_client_note(struct history_client *client, const rd_kafka_message_t *message)
{
    snprintf(client->fault, sizeof(client->fault), "%s", rd_kafka_message_errstr(message));
}

bool history_client_is_silent(const struct history_client *client, int wait_ms, char *error, size_t error_size)
{
    if (clock_now_ms() - client->heard_ms < wait_ms)
        return false;
    snprintf(error, error_size, "%s",
             client->fault[0] ? client->fault : rd_kafka_err2str(RD_KAFKA_RESP_ERR__TIMED_OUT));
    return true;
}

/* Librdkafka may look only a second later for the leaders of a topic that is new to it. The answer reaches it whenever
 * it comes, so only the request counts. */
static void ask_for_leaders(struct history_client *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (strcmp(client->topic, topic) == 0)
        return;
    snprintf(client->topic, sizeof(client->topic), "%s", topic);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client->handle, topic, NULL);
    if (!handle)
        return;
    if (rd_kafka_metadata(client->handle, 0, handle, &metadata, ASK_WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}

bool history_client_assign(struct history_client *client, const rd_kafka_topic_partition_list_t *list, char *error,
                           size_t error_size)
{
    rd_kafka_resp_err_t code = kafka_assign(client->handle, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(error, error_size, "%s", rd_kafka_err2str(code));
    for (int i = 0; list && i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        ask_for_leaders(client, list->elems[i].topic);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool history_client_assign_one(struct history_client *client, const char *topic, int32_t partition, int64_t offset,
                               char *error, size_t error_size)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    bool ok = history_client_assign(client, list, error, error_size);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* If one partition or broker fails, librdkafka returns its error and leaves the whole list as it was. */
bool history_ask_offsets(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list, int wait_ms, char *error,
                         size_t error_size)
{
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer, list, wait_ms);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = list->elems[i].err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(error, error_size, "%s: %s", list->elems[0].topic, rd_kafka_err2str(code));
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool history_client_edges(struct history_client *client, const char *topic, int32_t partition, int wait_ms,
                          int64_t *first, int64_t *end, char *error, size_t error_size)
{
    const int64_t edges[] = {RD_KAFKA_OFFSET_BEGINNING, RD_KAFKA_OFFSET_END};
    int64_t *answers[] = {first, end};
    bool ok = true;
    for (size_t i = 0; i < 2 && ok; i++) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = edges[i];
        ok = history_ask_offsets(client->handle, list, wait_ms, error, error_size);
        *answers[i] = list->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(list);
    }
    return ok;
}
