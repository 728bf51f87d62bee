/* lag: how far the answers are behind the ends of the partitions that a thread has, in commands and in seconds. */
#ifndef WORKER_SOURCE_LAG_H
#define WORKER_SOURCE_LAG_H

#include "common/must_check.h"
#include "worker/metrics/metrics.h"

/* How far a partition is. */
struct lag_position {
    int32_t partition;
    int64_t offset; /* behind what is answered: of the first command without an answer, or the end; -1: not known */
    int64_t end;    /* of the partition; -1: not known */
    int64_t timestamp_ms; /* Kafka's, of the command at `offset`; not above 0: not known, or it has none */
};

struct lag;

/* New, or NULL when out of memory. `topic` and `metrics` must outlive it. */
MUST_CHECK struct lag *lag_new(const char *topic, struct metrics *metrics);

/* Shows no lags any more. */
void lag_free(struct lag *lag);

/* The partition has come or gone: what was known of it no longer holds. */
void lag_forget(struct lag *lag, int32_t partition);

/* Shows the lags of these partitions, and no others; one whose offset or end is not known is left out. The age of a
 * command without a timestamp counts from when it was seen here first. `now_ms` is since 1970, `clock_ms` of a clock
 * that is never set. */
void lag_show(struct lag *lag, const struct lag_position *positions, size_t count, int64_t now_ms, int64_t clock_ms);

#endif
