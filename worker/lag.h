/* lag: how far the answers are behind the ends of the partitions that a thread has. */
#ifndef WORKER_LAG_H
#define WORKER_LAG_H

#include <librdkafka/rdkafka.h>

#include "worker/metrics.h"

struct lag;

/* New, or NULL when out of memory. All three must outlive it. */
struct lag *lag_new(rd_kafka_t *consumer, const char *topic, struct metrics *metrics);

/* Shows no lags any more. */
void lag_free(struct lag *lag);

/* The partition has come or gone: what was known of it no longer holds. */
void lag_forget(struct lag *lag, int32_t partition);

/* Shows the lags of these partitions. The offset of each is that of its first command without an answer, or
 * RD_KAFKA_OFFSET_INVALID if it has brought none yet. `idle`: the consumer has just waited and nothing came, so that
 * such a partition is at its end. Uses what librdkafka learned by fetching; asks nobody. */
void lag_show(struct lag *lag, const rd_kafka_topic_partition_list_t *partitions, bool idle);

/* The same while the partitions are paused. Nothing is fetched then, so it asks the broker for the end of one of them,
 * in turn, and waits for at most `wait_ms`. */
void lag_show_paused(struct lag *lag, const rd_kafka_topic_partition_list_t *partitions, int wait_ms);

#endif
