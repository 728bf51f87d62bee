/* worker: one thread's consumer, producer, Redis connection, definitions cache and batch, and the loop over them.
 * Threads share only struct worker_shared, the log and the stop flag.
 *
 * The folder worker/daemon holds the loop that passes batches through the stages, and the threads that run it. It may
 * use the folders before it in docs/design.md. */
#ifndef WORKER_DAEMON_WORKER_H
#define WORKER_DAEMON_WORKER_H

#include "worker/config/config.h"
#include "worker/definitions/definitions_preload.h"
#include "worker/definitions/definitions_watch.h"
#include "worker/metrics/metrics.h"
#include "worker/sink/reply_topics.h"
#include "worker/tracing/tracing.h"

/* What all threads share. */
struct worker_shared {
    const struct config *config;
    struct definitions_watch *watch;
    struct definitions_preload *preload; /* NULL: the audit alone sees to the definitions */
    struct reply_topics *topics;
    struct tracing *tracing;                 /* NULL: no traces */
    const struct config *_Atomic validation; /* validates commands; may be replaced while the threads run */
};

struct worker;
struct worker_feed;

/* New, or NULL after the reason was logged. No other thread may use `metrics`. They, `shared` and `feed`
 * (worker_feed.h) must outlive it. */
struct worker *worker_open(const struct worker_shared *shared, unsigned number, struct metrics *metrics,
                           const struct worker_feed *feed);

/* Consumes, decides, writes and replies until a stop is requested (stop.h). Waits while Redis or Kafka is away. */
void worker_run(struct worker *worker);

void worker_close(struct worker *worker);

/* All threads of the daemon. */
struct workers;

/* Starts config->worker.threads of them. New, or NULL after the reason was logged. */
struct workers *workers_start(const struct config *config);

/* The same with this feed in place of the group's (worker_feed.h), which must outlive them. */
struct workers *workers_start_with(const struct config *config, const struct worker_feed *feed);

/* From its next batch on, each thread validates commands by this config. `config` must outlive the workers. */
void workers_validate_by(struct workers *workers, const struct config *config);

/* Waits up to `wait_ms` until all threads have ended, which they do once a stop is requested. True if they have. */
bool workers_wait(struct workers *workers, int64_t wait_ms);

/* workers_wait must have returned true. Sends the traces that are left, within `limit_ms`; waits up to `wait_ms` for
 * that, and may be called again. A shorter limit counts. True if it has ended. */
bool workers_end_traces(struct workers *workers, int64_t limit_ms, int64_t wait_ms);

/* workers_wait must have returned true. Ends the helper threads, which may wait for an answer from Kafka or Redis, and
 * waits up to `wait_ms` for them. True if they have ended. They hold no work that could be lost. */
bool workers_end_helpers(struct workers *workers, int64_t wait_ms);

/* workers_wait and workers_end_helpers must have returned true. */
void workers_free(struct workers *workers);

/* workers_wait, workers_end_helpers, then workers_free. Each of the first two waits up to `wait_ms`. False: a thread
 * still runs, and nothing is freed. */
bool workers_join(struct workers *workers, int64_t wait_ms);

/* Each thread's metrics. Borrowed: they live until workers_free. */
struct metrics *const *workers_metrics(const struct workers *workers, size_t *count);

#endif
