/* health: whether the daemon is live and whether it is ready, from its threads' metrics. */
#ifndef WORKER_HTTP_HEALTH_H
#define WORKER_HTTP_HEALTH_H

#include "worker/config/config.h"
#include "worker/metrics/metrics.h"

#define HEALTH_REASON_SIZE 160

/* False, with the reason, if a thread's last heartbeat is older than the longest wait of its loop. True while
 * draining, which has a limit of its own. `now_ms`: CLOCK_MONOTONIC. */
bool health_is_live(struct metrics *const *threads, size_t count, const struct config *config, int64_t now_ms,
                    char reason[HEALTH_REASON_SIZE]);

/* False, with the reason, until every thread has connected to Kafka (partitions are not required) and Redis and has
 * found Redis complete once since its start; while a thread has lost a connection; while Redis is being rebuilt; and
 * while draining. */
bool health_is_ready(struct metrics *const *threads, size_t count, char reason[HEALTH_REASON_SIZE]);

#endif
