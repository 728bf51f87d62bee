/* worker: one thread's consumer, producer, Redis connection, definitions cache and batch, and the loop over them.
 * Threads share nothing but the stop flag, the config and the log. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "worker/config.h"

struct worker;

/* New, or NULL after the reason was logged. */
struct worker *worker_open(const struct config *config, unsigned number);

/* Consumes, decides, writes and replies until the end is asked for (stop.h). Waits while Redis or Kafka is away. */
void worker_run(struct worker *worker);

void worker_close(struct worker *worker);

/* All threads of the daemon. */
struct workers;

/* Starts config->worker.threads of them. New, or NULL after the reason was logged. */
struct workers *workers_start(const struct config *config);

/* Waits up to `wait_ms` for all threads to end, which they do once the end is asked for. True if they have; then
 * everything is freed. */
bool workers_join(struct workers *workers, int64_t wait_ms);

#endif
