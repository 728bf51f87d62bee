/* worker: one thread's consumer, producer, Redis connection, definitions cache and batch, and the loop over them.
 * Threads share nothing but what struct worker_shared says. */
#ifndef WORKER_DAEMON_WORKER_H
#define WORKER_DAEMON_WORKER_H

#include "worker/config/config.h"
#include "worker/definitions/definitions_preload.h"
#include "worker/definitions/definitions_watch.h"
#include "worker/metrics/metrics.h"
#include "worker/sink/reply_topics.h"

/* What all threads share beside the log and the stop flag. */
struct worker_shared {
    const struct config *config;
    struct definitions_watch *watch;
    struct definitions_preload *fill;
    struct reply_topics *topics;
    const struct config *_Atomic judging; /* by which commands are judged; may be replaced while the threads run */
};

struct worker;

/* New, or NULL after the reason was logged. `metrics` are its thread's alone; they and what is shared must
 * outlive it. */
struct worker *worker_open(const struct worker_shared *shared, unsigned number, struct metrics *metrics);

/* Consumes, decides, writes and replies until the end is asked for (stop.h). Waits while Redis or Kafka is away. */
void worker_run(struct worker *worker);

void worker_close(struct worker *worker);

/* All threads of the daemon. */
struct workers;

/* Starts config->worker.threads of them. New, or NULL after the reason was logged. */
struct workers *workers_start(const struct config *config);

/* From its next batch on, each thread judges commands by this config's limits and validation. It must outlive the
 * workers. */
void workers_validate_by(struct workers *workers, const struct config *config);

/* Waits up to `wait_ms` for all threads to end, which they do once the end is asked for. True if they have. */
bool workers_wait(struct workers *workers, int64_t wait_ms);

/* Once workers_wait gave true: asks the threads that help the workers to end, and waits up to `wait_ms` for them, which
 * may wait for an answer of Kafka or Redis. True if they have. They hold no work that could be lost. */
bool workers_end_helpers(struct workers *workers, int64_t wait_ms);

/* Once both gave true. */
void workers_free(struct workers *workers);

/* The three together, each waiting up to `wait_ms`. False: a thread still runs, and nothing is freed. */
bool workers_join(struct workers *workers, int64_t wait_ms);

/* Each thread's metrics. Borrowed: they live until workers_free. */
struct metrics *const *workers_metrics(const struct workers *workers, size_t *count);

#endif
