#include "worker/commands/embedded_broker.h"

#include <stdio.h>

#include "worker/kafka/kafka_conf.h"

#define REBALANCE_DELAY_MS 100 /* how long a group that forms waits for more members; 3 s before librdkafka 2.8 */

bool embedded_broker_start(struct embedded_broker *broker, int brokers, char *error, size_t error_size)
{
    *broker = (struct embedded_broker){0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kafka_conf_push_no_metrics(conf);
    if (rd_kafka_conf_set(conf, "client.id", "embedded-broker", error, error_size) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "log_level", "3", error, error_size) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    broker->owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, error_size);
    if (!broker->owner) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    broker->cluster = rd_kafka_mock_cluster_new(broker->owner, brokers);
    if (!broker->cluster) {
        snprintf(error, error_size, "librdkafka's mock cluster could not be started");
        embedded_broker_stop(broker);
        return false;
    }
#if RD_KAFKA_VERSION >= 0x020800ff
    rd_kafka_mock_group_initial_rebalance_delay_ms(broker->cluster, REBALANCE_DELAY_MS);
#endif
    broker->address = rd_kafka_mock_cluster_bootstraps(broker->cluster);
    return true;
}

bool embedded_broker_topic(struct embedded_broker *broker, const char *name, int partitions)
{
    return rd_kafka_mock_topic_create(broker->cluster, name, partitions, 1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void embedded_broker_stop(struct embedded_broker *broker)
{
    if (broker->cluster)
        rd_kafka_mock_cluster_destroy(broker->cluster);
    if (broker->owner)
        rd_kafka_destroy(broker->owner);
    *broker = (struct embedded_broker){0};
}
