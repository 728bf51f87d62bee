/* kafka_topic: what the cluster says of a topic. */
#ifndef WORKER_KAFKA_KAFKA_TOPIC_H
#define WORKER_KAFKA_KAFKA_TOPIC_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

/* How many partitions it has, 0 if it does not exist. -1 with the reason in `error` if there was no answer in
 * `wait_ms`, or a refusal. */
int32_t kafka_topic_partitions(rd_kafka_t *client, const char *topic, int wait_ms, char *error, size_t error_size);

#endif
