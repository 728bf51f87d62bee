/* status_history: what the metrics were over the last ten minutes, in a ring of fixed size. A thread of its own takes a
 * sample every five seconds, whether or not somebody looks. */
#ifndef WORKER_HTTP_STATUS_HISTORY_H
#define WORKER_HTTP_STATUS_HISTORY_H

#include "common/must_check.h"
#include "worker/metrics/metrics_read.h"
#include "worker/model/batch.h"

#define HISTORY_EVERY_MS 5000
#define HISTORY_SAMPLES  121 /* 120 intervals: ten minutes */

/* Counters since the start of the program, and gauges of the moment. */
struct status_sample {
    int64_t clock_ms; /* CLOCK_MONOTONIC */
    int64_t wall_ms;  /* since 1970, UTC */
    uint64_t results[OUTCOME_REJECTED + 1];
    uint64_t rejections[ERROR_COUNT];
    uint64_t cache[CACHE_EVENTS];
    uint64_t spans[SPAN_RESULTS];
    struct seconds_histogram reply;
    struct seconds_histogram stages[BATCH_STAGES];
    double commit_redis_seconds; /* of the commit stage, spent with Redis */
    int64_t lag;                 /* in commands, of all partitions */
    double oldest_seconds;       /* age of the oldest command without a reply */
};

struct status_history;

/* Takes the first sample, and starts the thread. New, or NULL when out of memory or threads. `threads` must outlive it.
 */
MUST_CHECK struct status_history *status_history_start(struct metrics *const *threads, size_t count);
void status_history_end(struct status_history *history);

/* Copies the samples, the oldest first. Returns how many. */
size_t status_history_read(struct status_history *history, struct status_sample samples[HISTORY_SAMPLES]);

/* What the metrics are now. */
void status_sample_take(struct status_sample *sample, struct metrics *const *threads, size_t count);

#endif
