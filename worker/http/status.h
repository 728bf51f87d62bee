/* status: what the status page shows, gathered from all threads at the time of a request. */
#ifndef WORKER_HTTP_STATUS_H
#define WORKER_HTTP_STATUS_H

#include "worker/http/health.h"
#include "worker/http/status_history.h"
#include "worker/metrics/thread_board.h"

#define STATUS_WORKSPACES 10
#define STATUS_WAITING    8
#define RECENT_SAMPLES    2  /* "now" is 10 to 15 seconds */
#define MINUTE_SAMPLES    12 /* the last minute is 60 to 65 seconds */

/* What happened between two samples. */
struct status_period {
    double seconds; /* 0: there was no time yet, and all is 0 */
    uint64_t results[OUTCOME_REJECTED + 1];
    uint64_t commands; /* the sum of the results */
    uint64_t rejections[ERROR_COUNT];
    uint64_t cache[CACHE_EVENTS];
    uint64_t spans[SPAN_RESULTS];
    struct seconds_histogram reply;
    struct seconds_histogram stages[BATCH_STAGES];
    double commit_redis_seconds;
};

struct status_thread {
    enum worker_state state;
    int64_t beat_ms; /* since its last heartbeat */
    bool kafka_up, redis_up, rebuilding;
    uint64_t waiting; /* partitions that wait for definitions */
};

struct status_workspaces {
    uint64_t total; /* commands, with those of workspaces that are not listed */
    size_t count;
    struct workspace_row rows[STATUS_WORKSPACES];
};

struct status {
    const char *topic;
    const char *kafka_address, *redis_address; /* of the config; NULL: it has none. With Sentinels, the master's name */
    const char *config_path;                   /* NULL: there is no file */
    int64_t definitions_wait_ms;
    int64_t started_ms; /* since 1970, UTC */
    bool live, ready, draining;
    char live_reason[HEALTH_REASON_SIZE], ready_reason[HEALTH_REASON_SIZE];
    bool kafka_up, redis_up;            /* for every thread */
    struct complaint_view kafka, redis; /* the last of all threads */
    uint64_t rebuilding, waiting;
    size_t waiting_count; /* at most STATUS_WAITING of those that wait, the first that waits first */
    struct command_note waiting_commands[STATUS_WAITING];
    struct command_note garbage; /* the last of all threads */
    struct status_sample now;
    struct status_period recent, minute;
    struct status_workspaces busiest, rejected;
    size_t noisy_count;
    struct noisy_workspace noisy[NOISY_MOST];
    size_t lag_count;
    struct partition_lag *lags; /* by partition */
    size_t thread_count;
    struct status_thread *threads;
    size_t sample_count;
    struct status_sample samples[HISTORY_SAMPLES];
};

/* New, or NULL when out of memory. `started_ms`: when the program began, since 1970, UTC. */
MUST_CHECK struct status *status_read(struct metrics *const *threads, size_t count, const struct config *config,
                                      struct status_history *history, int64_t started_ms);
void status_free(struct status *status);

/* From `before` to `after`. */
struct status_period status_period_between(const struct status_sample *before, const struct status_sample *after);

#endif
