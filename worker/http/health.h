/* health: whether the daemon lives and whether it is ready, told from what its threads show in their metrics. */
#ifndef WORKER_HTTP_HEALTH_H
#define WORKER_HTTP_HEALTH_H

#include "worker/config/config.h"
#include "worker/metrics/metrics.h"

#define HEALTH_REASON_SIZE 160

/* False if a thread's loop has not turned for longer than anything that it waits for may take; then `reason` says
 * which. True while draining, which has a limit of its own. `now_ms`: CLOCK_MONOTONIC. */
bool health_is_live(struct metrics *const *threads, size_t count, const struct config *config, int64_t now_ms,
                    char reason[HEALTH_REASON_SIZE]);

/* False, with the reason: until every thread has Kafka (perhaps without partitions) and Redis, and has found once,
 * since its start, that Redis has everything; whenever a thread has lost Kafka or Redis; while Redis is being rebuilt;
 * and while draining. */
bool health_is_ready(struct metrics *const *threads, size_t count, char reason[HEALTH_REASON_SIZE]);

#endif
