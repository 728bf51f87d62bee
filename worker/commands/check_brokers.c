#include "worker/commands/check_brokers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/commands/check_sizes.h"
#include "worker/kafka/kafka_client.h"

#define SETTING       "socket.request.max.bytes"
#define REQUEST_ROOM  1024    /* what a request has beside its message, and a dead letter beside its command */
#define BATCH_DEFAULT 1000000 /* librdkafka's batch.size */

static int64_t larger(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The longest request with messages. A command that is longer once it is decompressed becomes a longer dead letter; the
 * producer's message.max.bytes bounds it. */
static int64_t longest_request(const struct config *config, const struct checked_topic *commands)
{
    const char *producer = config_kafka(config, config->kafka_producer, "message.max.bytes");
    const char *batch = config_kafka(config, config->kafka_producer, "batch.size");
    const int64_t most = producer ? strtoll(producer, NULL, 10) : BATCH_DEFAULT;
    int64_t longest = larger(batch ? strtoll(batch, NULL, 10) : BATCH_DEFAULT, commands->message_max_bytes);
    longest = larger(longest, config->limits.command_bytes + REPLY_ROOM);
    if (!commands->is_uncompressed || commands->message_max_bytes == 0 || longest > most)
        longest = most;
    return longest + REQUEST_ROOM;
}

/* The setting, 0 if the broker does not tell it. */
static int64_t setting_of(const rd_kafka_ConfigResource_t *broker)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(broker, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), SETTING) == 0 && rd_kafka_ConfigEntry_value(entries[i]))
            return strtoll(rd_kafka_ConfigEntry_value(entries[i]), NULL, 10);
    return 0;
}

/* False after a report: the broker does not tell its settings, and others will not, either. */
static bool take_answer(struct check_report *report, rd_kafka_event_t *event, const char *broker, int64_t needed)
{
    size_t count = 0;
    const char *error = !event ? "no reply" : rd_kafka_event_error(event) ? rd_kafka_event_error_string(event) : NULL;
    const rd_kafka_ConfigResource_t **resources =
        error ? NULL : rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    if (!error && count == 1 && rd_kafka_ConfigResource_error(resources[0]))
        error = rd_kafka_err2str(rd_kafka_ConfigResource_error(resources[0]));
    if (error || count != 1) {
        check_tell(report, "kafka", CHECK_UNKNOWN, "settings_unknown", broker,
                   "settings of brokers cannot be read: %s; they need the right DescribeConfigs of the cluster",
                   error ? error : "no reply");
        return false;
    }
    const int64_t size = setting_of(resources[0]);
    if (size > 0 && size < needed)
        check_tell(report, "kafka", CHECK_WARNING, "message_size", broker,
                   SETTING " is %" PRId64 ", but the longest message of the program needs %" PRId64
                           ": the broker closes the connection, and a thread sends such a message again and again",
                   size, needed);
    return true;
}

static bool ask(struct check_report *report, rd_kafka_t *client, int32_t broker, int64_t needed)
{
    char name[16], error[512];
    snprintf(name, sizeof(name), "%" PRId32, broker);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_event_t *event = NULL;
    if (rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_CLIENT_WAIT_MS, error, sizeof(error)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
        event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_WAIT_MS);
    }
    const bool is_told = take_answer(report, event, name, needed);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    return is_told;
}

void check_broker_settings(struct check_report *report, const struct config *config, rd_kafka_t *client,
                           const struct checked_topics *topics)
{
    const struct rd_kafka_metadata *metadata;
    const int64_t needed = longest_request(config, &topics->items[0]);
    bool is_told = true;
    if (rd_kafka_metadata(client, 0, NULL, &metadata, KAFKA_CLIENT_WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (int i = 0; is_told && i < metadata->broker_cnt; i++)
        is_told = ask(report, client, metadata->brokers[i].id, needed);
    rd_kafka_metadata_destroy(metadata);
}
