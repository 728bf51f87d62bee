#include "worker/kafka/kafka_topic.h"

#include <stdio.h>

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
