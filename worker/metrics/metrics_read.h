/* metrics_read: the metrics of all threads together, for readers other than Prometheus. */
#ifndef WORKER_METRICS_METRICS_READ_H
#define WORKER_METRICS_METRICS_READ_H

#include <stddef.h>

#include "common/must_check.h"
#include "worker/metrics/metrics.h"

#define SECONDS_BUCKETS 19 /* of a histogram of seconds, the last one without a bound */

struct seconds_histogram {
    uint64_t buckets[SECONDS_BUCKETS]; /* each without those before it */
    double sum;
};

/* A counter or gauge as metrics_write shows it: the sum of all threads, or for a GAUGE the smallest. */
uint64_t metrics_total(struct metrics *const *threads, size_t count, enum metric metric, unsigned value);

/* The sum of all threads' histograms of kind SECONDS. */
struct seconds_histogram metrics_seconds(struct metrics *const *threads, size_t count, enum metric metric,
                                         unsigned value);

/* What was observed between the two readings. */
struct seconds_histogram seconds_between(const struct seconds_histogram *before, const struct seconds_histogram *after);

uint64_t seconds_count(const struct seconds_histogram *histogram);

/* As Prometheus' histogram_quantile: linear within a bucket; the last bound if it is in the bucket without one. -1 if
 * nothing was observed. */
double seconds_quantile(const struct seconds_histogram *histogram, double share);

/* The lags of all threads, by partition, each partition once. The caller frees *lags. Returns how many; ends the
 * program when out of memory, as metrics_show_lags does. */
size_t metrics_lags(struct metrics *const *threads, size_t count, struct partition_lag **lags);

#endif
