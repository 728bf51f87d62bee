/* metrics_internal: shared by the files of the metrics; no other file includes it. */
#ifndef WORKER_METRICS_METRICS_INTERNAL_H
#define WORKER_METRICS_METRICS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "worker/metrics/metrics.h"

enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_LEVEL, KIND_SECONDS, KIND_COMMANDS, KIND_LAG, KIND_AGE };

struct label_row {
    const char *name;          /* NULL: no label */
    const char *const *values; /* entry NULL: the number is no value of the label */
    unsigned count;
};

/* A series of a counter or gauge is one cell. A series of a histogram is its buckets, the last without a bound, and
 * then the sum, as the bits of a double. A bucket counts the values above the bound before it. */
struct metric_row {
    const char *name, *help;
    enum metric_kind kind;
    unsigned label; /* index in label_rows */
    unsigned first; /* index of its first cell */
    unsigned each;  /* cells of one series */
};

/* True if a series is one number. */
static inline bool metric_is_number(enum metric_kind kind)
{
    return kind == KIND_COUNTER || kind == KIND_GAUGE || kind == KIND_LEVEL;
}

extern const struct label_row label_rows[];
extern const struct metric_row metric_rows[METRIC_COUNT];

/* The upper bounds of a histogram's buckets: two fewer than it has cells. */
const double *metric_bounds(enum metric_kind kind);

struct metrics {
    struct thread_board *board;
    _Atomic int64_t last_beat_ms;
    pthread_mutex_t lags_lock;
    const char *topic;
    struct partition_lag *lags;
    size_t lag_count, lag_capacity;
    _Atomic uint64_t cells[]; /* written by one thread only, so that adding needs no lock */
};

static inline uint64_t cell_get(const struct metrics *metrics, unsigned cell)
{
    return atomic_load_explicit(&metrics->cells[cell], memory_order_relaxed);
}

static inline double double_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

#endif
