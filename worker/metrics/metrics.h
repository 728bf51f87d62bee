/* metrics: what the program counts and measures. One table describes every metric; adding one is one row.
 *
 * Each thread counts into a struct of its own, alone: no locks, no sharing, nothing allocated. Whoever asks
 * (metrics_write) reads all of them and adds up, so a sum may be a moment old, but it never goes back. */
#ifndef WORKER_METRICS_METRICS_H
#define WORKER_METRICS_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include "worker/model/error.h"

#define METRICS_PREFIX "client_intake_"

/* ROW(name, text behind the prefix, kind, labels, help)
 *
 * Kinds: COUNTER; GAUGE (of all threads the least is shown: something is up if it is up for each); LEVEL, a
 * gauge that is added up; SECONDS and COMMANDS, histograms with bounds for that unit; LAG and AGE, which
 * metrics_show_lags fills. Labels: a row of METRIC_LABELS.
 */
#define METRIC_TABLE(ROW)                                                                                              \
    ROW(COMMANDS, "commands_total", COUNTER, RESULT, "Commands answered and committed, by result.")                    \
    ROW(REJECTIONS, "rejections_total", COUNTER, CODE, "Commands rejected, by error.code of the reply.")               \
    ROW(DUPLICATES, "duplicates_total", COUNTER, NONE, "Commands answered with the client that they created before.")  \
    ROW(DEAD_LETTERS, "dead_letters_total", COUNTER, NONE, "Commands written to the dead-letter topic.")               \
    ROW(REPLIES_REFUSED, "replies_refused_total", COUNTER, NONE,                                                       \
        "Commands without a reply, since the broker refused even its smallest form as too large.")                     \
    ROW(DEAD_LETTERS_REFUSED, "dead_letters_refused_total", COUNTER, NONE,                                             \
        "Dead letters that the broker refused as too large.")                                                          \
    ROW(REPLIES_UNADDRESSED, "replies_unaddressed_total", COUNTER, ABSENCE,                                            \
        "Replies that could not go to the topic or partition that the command names, by reason.")                      \
    ROW(DEAD_LETTERS_INCOMPLETE, "dead_letters_incomplete_total", COUNTER, NONE,                                       \
        "Dead letters without the headers of their command, which could not be read.")                                 \
    ROW(REPETITIONS, "repetitions_total", COUNTER, NONE,                                                               \
        "Commands that librdkafka handed out again after a pause, and that were dropped.")                             \
    ROW(LOGS_REPLACED, "logs_replaced_total", COUNTER, NONE,                                                           \
        "Partitions whose log was not the one read before, and that were read from their beginning.")                  \
    ROW(TRANSACTIONS, "transactions_total", COUNTER, TRANSACTION,                                                      \
        "Kafka transactions, by how they ended; an aborted or lost one is run again.")                                 \
    ROW(REDIS_RETRIES, "redis_retries_total", COUNTER, NONE,                                                           \
        "Redis connections lost or refused, and answers that asked for another try.")                                  \
    ROW(REBUILDS, "rebuilds_total", COUNTER, NONE,                                                                     \
        "Times that Redis was given again what it had lost, or a crash had left out.")                                 \
    ROW(REBUILDING, "rebuilding_threads", LEVEL, NONE, "Threads that rebuild Redis, or wait until that is done.")      \
    ROW(DEFINITIONS_CACHE, "definitions_cache_total", COUNTER, CACHE,                                                  \
        "Look-ups of definitions, one for each workspace of a batch, and what became of sets.")                        \
    ROW(DEFINITIONS_WAITING, "definitions_waiting_partitions", LEVEL, NONE,                                            \
        "Partitions that wait for the definitions of a workspace.")                                                    \
    ROW(BATCH_SECONDS, "batch_seconds", SECONDS, STAGE, "Time that a batch spent in a stage, waits included.")         \
    ROW(REPLY_SECONDS, "reply_seconds", SECONDS, NONE, "Time from a command's Kafka timestamp to its commit.")         \
    ROW(BATCH_COMMANDS, "batch_commands", COMMANDS, NONE, "Commands in a batch.")                                      \
    ROW(CONSUMER_LAG, "consumer_lag", LAG, PARTITION, "Offsets between the end of a partition and what is answered.")  \
    ROW(OLDEST_UNANSWERED, "oldest_unanswered_seconds", AGE, PARTITION,                                                \
        "Age of a partition's first command without an answer, 0 if there is none.")                                   \
    ROW(REDIS_UP, "redis_up", GAUGE, NONE, "1 if every thread has a working connection to Redis, else 0.")             \
    ROW(KAFKA_UP, "kafka_up", GAUGE, NONE, "1 if every thread has a working connection to Kafka, else 0.")             \
    ROW(BUILD_INFO, "build_info", GAUGE, VERSION, "Always 1; the label tells the version.")

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
enum batch_stage {
    STAGE_DECODE,
    STAGE_DEFINITIONS,
    STAGE_CHECK,
    STAGE_CLAIM,
    STAGE_COMPOSE,
    STAGE_COMMIT,
    BATCH_STAGES
};

/* One thread's. */
struct metrics;

/* New, all zero, or NULL when out of memory. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* ---- by the one thread whose metrics they are; `value` is that of the metric's label, 0 if it has none ---- */

/* To a counter. */
void metrics_add(struct metrics *metrics, enum metric metric, unsigned value, uint64_t amount);

/* A gauge, or a counter that is kept elsewhere and only grows. */
void metrics_set(struct metrics *metrics, enum metric metric, unsigned value, uint64_t amount);

/* To a histogram: seconds, or commands. */
void metrics_observe(struct metrics *metrics, enum metric metric, unsigned value, double amount);

struct partition_lag {
    int32_t partition;
    int64_t lag;
    double oldest_seconds; /* age of the first command without an answer, 0 if there is none */
};

/* Replaces the lags that the thread shows. Takes a lock: for once a second. `topic` must outlive the metrics. */
void metrics_show_lags(struct metrics *metrics, const char *topic, const struct partition_lag *lags, size_t count);

/* The thread's loop has turned. */
void metrics_beat(struct metrics *metrics);

/* ---- by any thread ---- */

/* Since when the loop has not turned: CLOCK_MONOTONIC, milliseconds. */
int64_t metrics_last_beat_ms(const struct metrics *metrics);

/* The present amount of a counter or gauge. */
uint64_t metrics_get(const struct metrics *metrics, enum metric metric, unsigned value);

/* Writes all threads' metrics in Prometheus' text format 0.0.4. */
void metrics_write(FILE *out, struct metrics *const *threads, size_t count);

#endif
