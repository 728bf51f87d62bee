#include "worker/kafka/kafka_topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rd_kafka_resp_err_t kafka_topic_ask(rd_kafka_t *client, const char *topic, int wait_ms, int32_t *count)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code =
        handle ? rd_kafka_metadata(client, 0, handle, &metadata, wait_ms) : rd_kafka_last_error();
    *count = 0;
    if (handle)
        rd_kafka_topic_destroy(handle);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
        *count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        *count = 0;
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

int32_t kafka_topic_partitions(rd_kafka_t *client, const char *topic, int wait_ms, char *error, size_t error_size)
{
    int32_t count;
    const rd_kafka_resp_err_t code = kafka_topic_ask(client, topic, wait_ms, &count);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return count;
    snprintf(error, error_size, "%s: %s", topic, rd_kafka_err2str(code));
    return -1;
}

static int64_t longest_of(rd_kafka_event_t *event)
{
    size_t resource_count, count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &resource_count);
    if (resource_count != 1 || rd_kafka_ConfigResource_error(resources[0]))
        return 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0 &&
            rd_kafka_ConfigEntry_value(entries[i]))
            return strtoll(rd_kafka_ConfigEntry_value(entries[i]), NULL, 10);
    return 0;
}

int64_t kafka_topic_longest(rd_kafka_t *client, const char *topic, int wait_ms)
{
    char error[256];
    int64_t longest = 0;
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    if (!rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, error, sizeof(error))) {
        rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, wait_ms);
        if (event && !rd_kafka_event_error(event))
            longest = longest_of(event);
        if (event)
            rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    return longest;
}
