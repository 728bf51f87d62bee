/* marker_limits: whether the settings of a topic may make it refuse the marker that ends a transaction.
 *
 * Kafka appends a marker to each partition of a transaction: a batch of 78 bytes (a few more in later formats) whose
 * timestamp is the time of a broker. A topic that refuses it keeps the transaction open for good: Apache Kafka (seen
 * with 4.2) sends the marker no more, and each further transaction of the transactional id waits for it
 * (CONCURRENT_TRANSACTIONS) until a broker is restarted. So a topic of others takes part in a transaction only if its
 * settings are above these bounds. */
#ifndef WORKER_KAFKA_MARKER_LIMITS_H
#define WORKER_KAFKA_MARKER_LIMITS_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/must_check.h"

#include <stdbool.h>

/* Three times the marker. A topic that takes 300 bytes is used, and its replies are refused one by one for their size.
 */
#define MARKER_BYTES_LEAST 256

/* Between making and appending the marker lie milliseconds; a broker that stands still, or whose clock differs from
 * another one's, makes it seconds. */
#define MARKER_MS_LEAST 60000

/* A setting that is too small. */
struct marker_limit {
    const char *setting; /* its name, a constant; NULL: all are large enough, or not known */
    int64_t value, least;
};

/* Looks at a topic's settings as the cluster has told them. True with *limit if one is too small. */
MUST_CHECK bool marker_limit_find(const rd_kafka_ConfigResource_t *topic, struct marker_limit *limit);

#endif
