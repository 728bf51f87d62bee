/* kafka_topic: facts about a topic from the cluster's metadata. */
#ifndef WORKER_KAFKA_KAFKA_TOPIC_H
#define WORKER_KAFKA_KAFKA_TOPIC_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>
#include <stdint.h>

#include "common/must_check.h"

/* The number of partitions, 0 if the topic does not exist. -1 with the reason in `error` if there was no reply
 * within `wait_ms`, or a refusal. */
MUST_CHECK int32_t kafka_topic_partitions(rd_kafka_t *client, const char *topic, int wait_ms, char *error,
                                          size_t error_size);

/* The same: *count, or the code of the failure. A user without the right to see the topic gets
 * RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, whether it exists or not. */
MUST_CHECK rd_kafka_resp_err_t kafka_topic_ask(rd_kafka_t *client, const char *topic, int wait_ms, int32_t *count);

/* The longest batch of messages in bytes that the topic takes, its max.message.bytes. 0 if that is not known: there was
 * no reply within `wait_ms`, or the user has no right to describe the topic's settings. */
int64_t kafka_topic_longest(rd_kafka_t *client, const char *topic, int wait_ms);

#endif
