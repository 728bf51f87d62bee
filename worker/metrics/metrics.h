/* metrics: what the program counts and measures. One table describes every metric; adding one is one row.
 *
 * Each thread counts into a struct of its own: no locks, no sharing, no allocation. metrics_write reads the structs
 * of all threads and adds them up, so a sum may be slightly old, but it never decreases.
 *
 * The folder worker/metrics may use worker/config, worker/model and common. */
#ifndef WORKER_METRICS_METRICS_H
#define WORKER_METRICS_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include "common/must_check.h"
#include "worker/model/error.h"

#define METRICS_PREFIX "client_intake_"

/* ROW(name, text after the prefix, kind, labels, help)
 *
 * Kinds: COUNTER; GAUGE (shows the minimum of all threads: something is up if it is up for each); LEVEL, a gauge
 * that is summed; SECONDS and COMMANDS, histograms with bounds for that unit; LAG and AGE, which metrics_show_lags
 * fills. Labels: a row of METRIC_LABELS. */
#define METRIC_TABLE(ROW)                                                                                              \
    ROW(COMMANDS, "commands_total", COUNTER, RESULT, "Commands replied to and committed, by result.")                  \
    ROW(REJECTIONS, "rejections_total", COUNTER, CODE, "Commands rejected, by error.code of the reply.")               \
    ROW(DUPLICATES, "duplicates_total", COUNTER, NONE,                                                                 \
        "Commands replied to with the client that they created before.")                                               \
    ROW(DEAD_LETTERS, "dead_letters_total", COUNTER, NONE, "Commands written to the dead-letter topic.")               \
    ROW(REPLIES_REFUSED, "replies_refused_total", COUNTER, NONE,                                                       \
        "Commands without a reply: the broker refused even its smallest form as too large.")                           \
    ROW(DEAD_LETTERS_REFUSED, "dead_letters_refused_total", COUNTER, NONE,                                             \
        "Dead letters that the broker refused as too large.")                                                          \
    ROW(REPLIES_UNADDRESSED, "replies_unaddressed_total", COUNTER, ABSENCE,                                            \
        "Replies that could not go to the topic or partition that the command names, by reason.")                      \
    ROW(DEAD_LETTERS_INCOMPLETE, "dead_letters_incomplete_total", COUNTER, NONE,                                       \
        "Dead letters without the parts of their command that could not be read.")                                     \
    ROW(REPETITIONS, "repetitions_total", COUNTER, NONE,                                                               \
        "Commands that librdkafka delivered again after a pause; they were dropped.")                                  \
    ROW(UNREADABLE, "unreadable_commands_total", COUNTER, NONE,                                                        \
        "Commands that were refused unread, since librdkafka cannot read their batch.")                                \
    ROW(OFFSET_PROBES, "offset_probes_total", COUNTER, NONE,                                                           \
        "Batches of the log that were read once more, since offsets before a command had none.")                       \
    ROW(LOGS_REPLACED, "logs_replaced_total", COUNTER, NONE,                                                           \
        "Partitions whose log was replaced by another one, which was read from its beginning.")                        \
    ROW(TRANSACTIONS, "transactions_total", COUNTER, TRANSACTION,                                                      \
        "Kafka transactions, by result; an aborted or lost one is repeated.")                                          \
    ROW(REDIS_RETRIES, "redis_retries_total", COUNTER, NONE,                                                           \
        "Redis connections lost or refused, and replies that asked for a retry.")                                      \
    ROW(REBUILDS, "rebuilds_total", COUNTER, NONE,                                                                     \
        "Rebuilds of Redis after a loss of data, or after a crash that left something out.")                           \
    ROW(REBUILDING, "rebuilding_threads", LEVEL, NONE, "Threads that rebuild Redis, or wait for a rebuild.")           \
    ROW(INDEX_AUDITED, "index_audited", GAUGE, NONE,                                                                   \
        "1 once every thread has found, since its start, that Redis has everything, else 0.")                          \
    ROW(DEFINITIONS_CACHE, "definitions_cache_total", COUNTER, CACHE,                                                  \
        "Look-ups of definitions, one per workspace and batch, and compiled sets, by result.")                         \
    ROW(DEFINITIONS_WAITING, "definitions_waiting_partitions", LEVEL, NONE,                                            \
        "Partitions that wait for a workspace's definitions.")                                                         \
    ROW(BATCH_SECONDS, "batch_seconds", SECONDS, STAGE, "Time that a batch spent in a stage, waits included.")         \
    ROW(REPLY_SECONDS, "reply_seconds", SECONDS, NONE, "Time from a command's Kafka timestamp to its commit.")         \
    ROW(BATCH_COMMANDS, "batch_commands", COMMANDS, NONE, "Commands in a batch.")                                      \
    ROW(CONSUMER_LAG, "consumer_lag", LAG, PARTITION,                                                                  \
        "Offsets between a partition's last answered command and its end.")                                            \
    ROW(OLDEST_UNANSWERED, "oldest_unanswered_seconds", AGE, PARTITION,                                                \
        "Age of a partition's first command without a reply, 0 if there is none.")                                     \
    ROW(SPANS, "spans_total", COUNTER, SPAN, "Spans of traces, by what became of them.")                               \
    ROW(READY, "ready", GAUGE, NONE, "1 if /readyz says so, otherwise 0.")                                             \
    ROW(REDIS_UP, "redis_up", GAUGE, NONE, "1 if every thread has a working connection to Redis, otherwise 0.")        \
    ROW(REDIS_MAY_EVICT, "redis_may_evict", LEVEL, NONE, "1 if Redis may drop keys when it is full, otherwise 0.")     \
    ROW(KAFKA_UP, "kafka_up", GAUGE, NONE, "1 if every thread has a working connection to Kafka, otherwise 0.")        \
    ROW(BUILD_INFO, "build_info", GAUGE, VERSION, "Always 1; the label shows the version.")

enum metric {
#define METRIC_ROW(name, text, kind, labels, help) METRIC_##name,
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
        METRIC_COUNT
};

/* The values of labels. COMMANDS counts by enum outcome (batch.h), REJECTIONS by enum error, REPLIES_UNADDRESSED by
 * enum reply_absence. */
enum transaction_result { TRANSACTION_COMMITTED, TRANSACTION_ABORTED, TRANSACTION_LOST, TRANSACTION_RESULTS };
enum cache_event {
    CACHE_HIT,
    CACHE_MISS,
    CACHE_BROKEN,
    CACHE_COMPILED,
    CACHE_EVICTED,
    CACHE_INVALIDATED,
    CACHE_EVENTS
};
enum span_result {
    SPAN_SENT,
    SPAN_REFUSED,     /* by the receiver */
    SPAN_QUEUE_FULL,  /* dropped: no room in the queue */
    SPAN_UNREACHABLE, /* dropped: the receiver was away, or busy, for too long */
    SPAN_UNSENT,      /* dropped at the end of the process */
    SPAN_RESULTS
};
enum batch_stage {
    STAGE_DECODE,
    STAGE_DEFINITIONS,
    STAGE_CHECK,
    STAGE_CLAIM,
    STAGE_COMPOSE,
    STAGE_COMMIT,
    BATCH_STAGES
};

/* The metrics of one thread. */
struct metrics;
struct thread_board;

/* New, all zero, or NULL when out of memory. */
MUST_CHECK struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* What the thread shows to people, which is no metric (thread_board.h). It lives as long as the metrics. */
struct thread_board *metrics_board(const struct metrics *metrics);

/* ---- for the thread that owns the metrics; `value` is that of the metric's label, 0 if it has none ---- */

/* Adds to a counter. */
void metrics_add(struct metrics *metrics, enum metric metric, unsigned value, uint64_t amount);

/* Sets a gauge, or a counter that is kept elsewhere and only grows. READY belongs to the thread of HTTP. */
void metrics_set(struct metrics *metrics, enum metric metric, unsigned value, uint64_t amount);

/* Adds a value to a histogram: seconds, or commands. */
void metrics_observe(struct metrics *metrics, enum metric metric, unsigned value, double amount);

struct partition_lag {
    int32_t partition;
    int64_t lag;
    double oldest_seconds; /* age of the first command without a reply, 0 if there is none */
};

/* Replaces the lags that the thread shows. Takes a lock; meant for once a second. `topic` must outlive the metrics. */
void metrics_show_lags(struct metrics *metrics, const char *topic, const struct partition_lag *lags, size_t count);

/* Records a heartbeat of the thread's loop. */
void metrics_beat(struct metrics *metrics);

/* Looks for workspaces that take more than their share of a partition, if that is due (noisy_workspaces.h). `clock_ms`
 * is CLOCK_MONOTONIC, `wall_ms` since 1970, UTC. */
void metrics_look_for_noise(struct metrics *metrics, int64_t clock_ms, int64_t wall_ms);

/* ---- for any thread ---- */

/* The time of the last heartbeat: CLOCK_MONOTONIC, milliseconds. */
int64_t metrics_last_beat_ms(const struct metrics *metrics);

/* The present value of a counter or gauge. */
uint64_t metrics_get(const struct metrics *metrics, enum metric metric, unsigned value);

/* Writes all threads' metrics in Prometheus' text format 0.0.4. */
void metrics_write(FILE *out, struct metrics *const *threads, size_t count);

#endif
