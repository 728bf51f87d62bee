/* relay: one thread of io_only: a consumer, a Redis connection and a producer, and the data between them. Every
 * failure ends the program. */
#ifndef TESTS_BENCH_RELAY_H
#define TESTS_BENCH_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/client.h"

struct relay_options {
    const char *bootstrap, *redis;                 /* addresses; that of Redis is unix:PATH or HOST:PORT */
    const char *topic, *group, *records, *replies; /* the output topics are created if they are not there */
    int64_t threads;                               /* they share the topic's partitions */
    int64_t batch;                                 /* of commands in a transaction, at most */
    int64_t linger_ms;                             /* how long an incomplete batch waits for more; 0: not at all */
    struct tuning tuning;
};

/* The progress of all threads. */
struct progress {
    atomic_llong commands, transactions;
    atomic_llong first_ns, last_ns; /* clock_ns() of the first message and of the last commit; 0: none yet */
    atomic_bool stop;               /* ends all threads */
    int64_t enough;                 /* they end after this many commands; INT64_MAX: never */
};

/* The stages of a thread. */
enum stage { CONSUME, CLAIM, PRODUCE, OFFSETS, COMMIT, STAGES };
extern const char *const stage_names[STAGES];

struct relay;

/* New; thread `number` of options->threads. The options must live as long. */
struct relay *relay_open(const struct relay_options *options, int number);
void relay_run(struct relay *relay, struct progress *progress);
void relay_close(struct relay *relay);

/* Nanoseconds spent in a stage, waits included. */
int64_t relay_stage_ns(const struct relay *relay, enum stage stage);

#endif
