#include "worker/kafka/kafka_topic.h"

#include <stdio.h>

int32_t kafka_topic_partitions(rd_kafka_t *client, const char *topic, int wait_ms, char *error, size_t error_size)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code =
        handle ? rd_kafka_metadata(client, 0, handle, &metadata, wait_ms) : rd_kafka_last_error();
    int32_t count = 0;
    if (handle)
        rd_kafka_topic_destroy(handle);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
        count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return count;
    snprintf(error, error_size, "%s: %s", topic, rd_kafka_err2str(code));
    return -1;
}
