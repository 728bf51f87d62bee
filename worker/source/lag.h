/* lag: how far a thread's replies are behind the ends of its partitions, in commands and in seconds. */
#ifndef WORKER_SOURCE_LAG_H
#define WORKER_SOURCE_LAG_H

#include "common/must_check.h"
#include "worker/metrics/metrics.h"

/* The progress in one partition. */
struct lag_position {
    int32_t partition;
    int64_t offset;       /* of the first command without a reply, or `end` if there is none; -1: not known */
    int64_t end;          /* of the partition; -1: not known */
    int64_t timestamp_ms; /* Kafka's, of the command at `offset`; 0 or less: not known, or it has none */
};

struct lag;

/* New, or NULL when out of memory. `topic` and `metrics` must outlive it. */
MUST_CHECK struct lag *lag_new(const char *topic, struct metrics *metrics);

/* Also removes the lags from the metrics. */
void lag_free(struct lag *lag);

/* Forgets what is known of the partition, which was assigned or revoked. */
void lag_forget(struct lag *lag, int32_t partition);

/* Shows the lags of these partitions, and no others. A partition whose offset or end is not known is left out. The age
 * of a command without a timestamp counts from the first call that saw it. `now_ms` is milliseconds since 1970;
 * `clock_ms` comes from a monotonic clock. */
void lag_show(struct lag *lag, const struct lag_position *positions, size_t count, int64_t now_ms, int64_t clock_ms);

#endif
