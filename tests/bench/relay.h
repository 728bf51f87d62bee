/* relay: one thread of io_only: a consumer, a Redis connection and a producer, and what goes to and fro between them.
 * Everything that goes wrong ends the program. */
#ifndef TESTS_BENCH_RELAY_H
#define TESTS_BENCH_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/bench/client.h"

struct relay_options {
    const char *bootstrap, *redis;                 /* addresses; that of Redis is unix:PATH or HOST:PORT */
    const char *topic, *group, *records, *replies; /* the output topics are created if they are not there */
    int64_t threads;                               /* which share the topic's partitions */
    int64_t batch;                                 /* most commands in a transaction */
    int64_t linger_ms; /* how long a batch that is not full waits for more; 0: it takes what is there */
    struct tuning tuning;
};

/* What all threads have done so far. */
struct progress {
    atomic_llong commands, transactions;
    atomic_llong first_ns, last_ns; /* clock_ns() of the first message and of the last commit; 0: none yet */
    atomic_bool stop;               /* set it to end them all */
    int64_t enough;                 /* commands after which they end by themselves; INT64_MAX: never */
};

/* Where the time of a thread goes. */
enum stage { CONSUME, CLAIM, PRODUCE, OFFSETS, COMMIT, STAGES };
extern const char *const stage_names[STAGES];

struct relay;

/* New; thread `number` of options->threads. The options must live as long. */
struct relay *relay_open(const struct relay_options *options, int number);
void relay_run(struct relay *relay, struct progress *progress);
void relay_close(struct relay *relay);

/* Nanoseconds that were spent in a stage, waiting and working. */
int64_t relay_stage_ns(const struct relay *relay, enum stage stage);

#endif
