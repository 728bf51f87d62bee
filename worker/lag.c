#include "worker/lag.h"

#include <stdlib.h>

#define UNKNOWN (-1)

struct place {
    int64_t asked;   /* the end that the broker told during a pause, or UNKNOWN */
    int64_t reached; /* the end at which nothing came, or UNKNOWN */
};

struct lag {
    rd_kafka_t *consumer;
    const char *topic;
    struct metrics *metrics;
    struct place *places; /* by partition */
    int32_t place_count;
    struct partition_lag *lags;
    int lag_capacity;
    unsigned turn; /* whose end is asked for next */
};

struct lag *lag_new(rd_kafka_t *consumer, const char *topic, struct metrics *metrics)
{
    struct lag *lag = calloc(1, sizeof(*lag));
    if (lag)
        *lag = (struct lag){.consumer = consumer, .topic = topic, .metrics = metrics};
    return lag;
}

void lag_free(struct lag *lag)
{
    if (!lag)
        return;
    metrics_show_lags(lag->metrics, lag->topic, NULL, 0);
    free(lag->places);
    free(lag->lags);
    free(lag);
}

static struct place *lag_place(struct lag *lag, int32_t partition)
{
    if (partition >= lag->place_count) {
        int32_t count = partition + 16;
        struct place *grown = realloc(lag->places, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        for (int32_t i = lag->place_count; i < count; i++)
            grown[i] = (struct place){UNKNOWN, UNKNOWN};
        lag->places = grown;
        lag->place_count = count;
    }
    return &lag->places[partition];
}

void lag_forget(struct lag *lag, int32_t partition)
{
    *lag_place(lag, partition) = (struct place){UNKNOWN, UNKNOWN};
}

static int64_t fetched_end(const struct lag *lag, int32_t partition)
{
    int64_t low, high;
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(lag->consumer, lag->topic, partition, &low, &high);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : UNKNOWN;
}

/* UNKNOWN if the end or the position is. */
static int64_t lag_of(const struct lag *lag, const rd_kafka_topic_partition_t *partition, const struct place *place)
{
    int64_t end = fetched_end(lag, partition->partition);
    int64_t position = partition->offset >= 0 ? partition->offset : place->reached;
    if (place->asked > end)
        end = place->asked;
    if (end == UNKNOWN || position == UNKNOWN)
        return UNKNOWN;
    return end > position ? end - position : 0;
}

static void lag_publish(struct lag *lag, const rd_kafka_topic_partition_list_t *partitions)
{
    size_t count = 0;
    if (partitions->cnt > lag->lag_capacity) {
        struct partition_lag *grown = realloc(lag->lags, (size_t)partitions->cnt * sizeof(*grown));
        if (!grown)
            abort();
        lag->lags = grown;
        lag->lag_capacity = partitions->cnt;
    }
    for (int i = 0; i < partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &partitions->elems[i];
        int64_t behind = lag_of(lag, partition, lag_place(lag, partition->partition));
        if (behind != UNKNOWN)
            lag->lags[count++] = (struct partition_lag){partition->partition, behind};
    }
    metrics_show_lags(lag->metrics, lag->topic, lag->lags, count);
}

void lag_show(struct lag *lag, const rd_kafka_topic_partition_list_t *partitions, bool idle)
{
    for (int i = 0; i < partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &partitions->elems[i];
        struct place *place = lag_place(lag, partition->partition);
        place->asked = UNKNOWN;
        if (idle && partition->offset < 0)
            place->reached = fetched_end(lag, partition->partition);
    }
    lag_publish(lag, partitions);
}

void lag_show_paused(struct lag *lag, const rd_kafka_topic_partition_list_t *partitions, int wait_ms)
{
    if (partitions->cnt > 0) {
        int32_t partition = partitions->elems[lag->turn++ % (unsigned)partitions->cnt].partition;
        int64_t low, high;
        if (rd_kafka_query_watermark_offsets(lag->consumer, lag->topic, partition, &low, &high, wait_ms) ==
            RD_KAFKA_RESP_ERR_NO_ERROR)
            lag_place(lag, partition)->asked = high;
    }
    lag_publish(lag, partitions);
}
