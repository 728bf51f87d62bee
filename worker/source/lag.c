#include "worker/source/lag.h"

#include <stdlib.h>

/* The first command without a reply. */
struct oldest {
    int64_t offset;  /* -1: there is none */
    int64_t seen_ms; /* when lag_show saw it first */
};

struct lag {
    const char *topic;
    struct metrics *metrics;
    struct oldest *oldest; /* by partition */
    int32_t oldest_count;
    struct partition_lag *lags;
    size_t lag_capacity;
};

struct lag *lag_new(const char *topic, struct metrics *metrics)
{
    struct lag *lag = calloc(1, sizeof(*lag));
    if (lag)
        *lag = (struct lag){.topic = topic, .metrics = metrics};
    return lag;
}

void lag_free(struct lag *lag)
{
    if (!lag)
        return;
    metrics_show_lags(lag->metrics, lag->topic, NULL, 0);
    free(lag->oldest);
    free(lag->lags);
    free(lag);
}

static struct oldest *lag_oldest(struct lag *lag, int32_t partition)
{
    if (partition >= lag->oldest_count) {
        int32_t count = partition + 16;
        struct oldest *grown = realloc(lag->oldest, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        while (lag->oldest_count < count)
            grown[lag->oldest_count++] = (struct oldest){-1, 0};
        lag->oldest = grown;
    }
    return &lag->oldest[partition];
}

void lag_forget(struct lag *lag, int32_t partition)
{
    *lag_oldest(lag, partition) = (struct oldest){-1, 0};
}

static struct partition_lag lag_of(struct lag *lag, const struct lag_position *position, int64_t now_ms,
                                   int64_t clock_ms)
{
    struct oldest *oldest = lag_oldest(lag, position->partition);
    if (position->end <= position->offset) {
        *oldest = (struct oldest){-1, 0};
        return (struct partition_lag){position->partition, 0, 0};
    }
    if (oldest->offset != position->offset)
        *oldest = (struct oldest){position->offset, clock_ms};
    int64_t age_ms = position->timestamp_ms > 0 ? now_ms - position->timestamp_ms : clock_ms - oldest->seen_ms;
    return (struct partition_lag){position->partition, position->end - position->offset,
                                  age_ms > 0 ? (double)age_ms / 1000 : 0};
}

void lag_show(struct lag *lag, const struct lag_position *positions, size_t count, int64_t now_ms, int64_t clock_ms)
{
    size_t shown = 0;
    if (count > lag->lag_capacity) {
        struct partition_lag *grown = realloc(lag->lags, count * sizeof(*grown));
        if (!grown)
            abort();
        lag->lags = grown;
        lag->lag_capacity = count;
    }
    for (size_t i = 0; i < count; i++)
        if (positions[i].offset >= 0 && positions[i].end >= 0)
            lag->lags[shown++] = lag_of(lag, &positions[i], now_ms, clock_ms);
    metrics_show_lags(lag->metrics, lag->topic, lag->lags, shown);
}
