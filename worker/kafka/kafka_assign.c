#include "worker/kafka/kafka_assign.h"

rd_kafka_resp_err_t kafka_assign(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *assigned = NULL;
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, partitions);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    /* One thread of librdkafka serves its requests in their order. The assignment has put the requests to stop in that
     * queue, so they are served before this question is, and their ends before anything that is asked later. */
    code = rd_kafka_assignment(consumer, &assigned);
    if (assigned)
        rd_kafka_topic_partition_list_destroy(assigned);
    return code;
}
