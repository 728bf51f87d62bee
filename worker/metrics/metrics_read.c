#include "worker/metrics/metrics_read.h"

#include <assert.h>
#include <stdlib.h>

#include "worker/metrics/metrics_internal.h"

uint64_t metrics_total(struct metrics *const *threads, size_t count, enum metric metric, unsigned value)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t amount = metrics_get(threads[i], metric, value);
        if (metric_rows[metric].kind != KIND_GAUGE)
            total += amount;
        else if (i == 0 || amount < total)
            total = amount;
    }
    return total;
}

struct seconds_histogram metrics_seconds(struct metrics *const *threads, size_t count, enum metric metric,
                                         unsigned value)
{
    const struct metric_row *row = &metric_rows[metric];
    struct seconds_histogram histogram = {{0}, 0};
    assert(row->kind == KIND_SECONDS && row->each == SECONDS_BUCKETS + 1 && value < label_rows[row->label].count);
    unsigned first = row->first + value * row->each;
    for (size_t i = 0; i < count; i++) {
        for (unsigned bucket = 0; bucket < SECONDS_BUCKETS; bucket++)
            histogram.buckets[bucket] += cell_get(threads[i], first + bucket);
        histogram.sum += double_of(cell_get(threads[i], first + SECONDS_BUCKETS));
    }
    return histogram;
}

struct seconds_histogram seconds_between(const struct seconds_histogram *before, const struct seconds_histogram *after)
{
    struct seconds_histogram between = {{0}, after->sum - before->sum};
    for (unsigned i = 0; i < SECONDS_BUCKETS; i++)
        between.buckets[i] = after->buckets[i] - before->buckets[i];
    return between;
}

uint64_t seconds_count(const struct seconds_histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < SECONDS_BUCKETS; i++)
        count += histogram->buckets[i];
    return count;
}

double seconds_quantile(const struct seconds_histogram *histogram, double share)
{
    const double *bounds = metric_bounds(KIND_SECONDS);
    double rank = share * (double)seconds_count(histogram), before = 0;
    for (unsigned i = 0; i < SECONDS_BUCKETS - 1; i++) {
        double here = (double)histogram->buckets[i];
        if (here > 0 && before + here >= rank) {
            double low = i > 0 ? bounds[i - 1] : 0;
            return low + (bounds[i] - low) * (rank - before) / here;
        }
        before += here;
    }
    return histogram->buckets[SECONDS_BUCKETS - 1] > 0 ? bounds[SECONDS_BUCKETS - 2] : -1;
}

static int compare_partitions(const void *one, const void *other)
{
    const struct partition_lag *first = one, *second = other;
    return (first->partition > second->partition) - (first->partition < second->partition);
}

/* For a moment after a partition has moved from one thread to another both may show it. */
static size_t lags_once(struct partition_lag *lags, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (left == 0 || lags[left - 1].partition != lags[i].partition)
            lags[left++] = lags[i];
    return left;
}

size_t metrics_lags(struct metrics *const *threads, size_t count, struct partition_lag **lags)
{
    size_t total = 0;
    *lags = NULL;
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(&threads[i]->lags_lock);
        size_t more = threads[i]->lag_count;
        struct partition_lag *grown = realloc(*lags, (total + more + 1) * sizeof(*grown));
        if (!grown)
            abort();
        *lags = grown;
        if (more > 0)
            memcpy(grown + total, threads[i]->lags, more * sizeof(*grown));
        total += more;
        pthread_mutex_unlock(&threads[i]->lags_lock);
    }
    if (total > 0)
        qsort(*lags, total, sizeof(**lags), compare_partitions);
    return lags_once(*lags, total);
}
