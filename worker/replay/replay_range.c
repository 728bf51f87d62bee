#include "worker/replay/replay_range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/timestamp.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/replay/history_client.h"
#include "worker/replay/replay_time_seek.h"
#include "worker/replay/replay_times.h"

#define RETRY_MS 50

/* ---- the bounds as text ---- */

static bool read_offset(const char *text, int64_t *offset)
{
    *offset = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        int digit = *text - '0';
        if (digit < 0 || digit > 9 || *offset > (INT64_MAX - digit) / 10)
            return false;
        *offset = *offset * 10 + digit;
    }
    return true;
}

bool replay_bound_read(const char *text, struct replay_bound *bound)
{
    *bound = (struct replay_bound){.kind = BOUND_BEGINNING};
    if (strcmp(text, "beginning") == 0)
        return true;
    bound->kind = BOUND_END;
    if (strcmp(text, "end") == 0)
        return true;
    bound->kind = BOUND_OFFSET;
    if (strncmp(text, "offset:", strlen("offset:")) == 0)
        return read_offset(text + strlen("offset:"), &bound->value);
    bound->kind = BOUND_TIME;
    return strncmp(text, "time:", strlen("time:")) == 0 &&
           time_read(span_of_text(text + strlen("time:")), &bound->value);
}

/* ---- the partitions ---- */

static int by_number(const void *a, const void *b)
{
    int32_t one = *(const int32_t *)a, other = *(const int32_t *)b;
    return (one > other) - (one < other);
}

static bool add_partitions(struct replay_ranges *ranges, int32_t existing, const int32_t *partitions, uint32_t count)
{
    uint32_t all = partitions && count > 0 ? count : (uint32_t)existing;
    int32_t *sorted = malloc(all * sizeof(*sorted));
    ranges->items = calloc(all, sizeof(*ranges->items));
    if (!sorted || !ranges->items) {
        free(sorted);
        return false;
    }
    for (uint32_t i = 0; i < all; i++)
        sorted[i] = all == count ? partitions[i] : (int32_t)i;
    qsort(sorted, all, sizeof(*sorted), by_number);
    for (uint32_t i = 0; i < all; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            ranges->items[ranges->count++].partition = sorted[i];
    free(sorted);
    return true;
}

static enum range_result find_partitions(struct replay_ranges *ranges, rd_kafka_t *consumer, const char *topic,
                                         const int32_t *partitions, uint32_t count, int wait_ms, char *error,
                                         size_t error_size)
{
    int32_t existing = kafka_topic_partitions(consumer, topic, wait_ms, error, error_size);
    if (existing < 0)
        return RANGES_UNAVAILABLE;
    if (existing == 0) {
        snprintf(error, error_size, "the topic %s does not exist", topic);
        return RANGES_NO_PARTITION;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (partitions[i] >= 0 && partitions[i] < existing)
            continue;
        snprintf(error, error_size, "%s has no partition %d; its partitions are 0 to %d", topic, (int)partitions[i],
                 (int)existing - 1);
        return RANGES_NO_PARTITION;
    }
    if (add_partitions(ranges, existing, partitions, count))
        return RANGES_RESOLVED;
    snprintf(error, error_size, "out of memory");
    return RANGES_UNAVAILABLE;
}

/* ---- questions about offsets, one query for all partitions ---- */

/* Writes the offset that stands for `time` to the member of each range that is at `member`. A leader that was elected a
 * moment ago returns an error until it knows its log (KIP-207). */
static bool ask(struct replay_ranges *ranges, rd_kafka_t *consumer, const char *topic, int64_t time, size_t member,
                int wait_ms, char *error, size_t error_size)
{
    for (int64_t until = clock_now_ms() + wait_ms;;) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)ranges->count);
        for (uint32_t i = 0; i < ranges->count; i++)
            rd_kafka_topic_partition_list_add(list, topic, ranges->items[i].partition)->offset = time;
        bool ok = history_ask_offsets(consumer, list, wait_ms, error, error_size);
        for (uint32_t i = 0; i < ranges->count && ok; i++)
            memcpy((char *)&ranges->items[i] + member, &list->elems[i].offset, sizeof(int64_t));
        rd_kafka_topic_partition_list_destroy(list);
        if (ok || clock_now_ms() >= until)
            return ok;
        clock_sleep(RETRY_MS);
    }
}

/* The last stable offset is asked before the high watermark, so that it is the lower one. */
static bool find_edges(struct replay_ranges *ranges, rd_kafka_t *consumer, const struct config *config, int wait_ms,
                       char *error, size_t error_size)
{
    static const struct history_client_settings settings = {"read_uncommitted", "error", "65536", 0};
    const char *topic = config->commands.topic;
    struct history_client observer;
    if (!ask(ranges, consumer, topic, RD_KAFKA_OFFSET_BEGINNING, offsetof(struct replay_range, first), wait_ms, error,
             error_size) ||
        !ask(ranges, consumer, topic, RD_KAFKA_OFFSET_END, offsetof(struct replay_range, stable), wait_ms, error,
             error_size) ||
        !history_client_open(&observer, config, &settings, error, error_size))
        return false;
    bool ok = ask(ranges, observer.handle, topic, RD_KAFKA_OFFSET_END, offsetof(struct replay_range, high), wait_ms,
                  error, error_size);
    history_client_close(&observer);
    return ok;
}

/* Writes where the bound would be if the log had no edges. The edges are asked first: what comes between the questions
 * is behind the end. A time becomes an offset, RD_KAFKA_OFFSET_END behind the last message. A negative time has another
 * meaning for Kafka, and no message is older than 1970 (time_of_message). */
static bool find_bound(struct replay_ranges *ranges, rd_kafka_t *consumer, const char *topic, struct replay_bound bound,
                       size_t member, int wait_ms, char *error, size_t error_size)
{
    if (bound.kind == BOUND_TIME && bound.value > 0)
        return ask(ranges, consumer, topic, bound.value, member, wait_ms, error, error_size);
    int64_t offset = bound.kind == BOUND_OFFSET ? bound.value : bound.kind == BOUND_END ? RD_KAFKA_OFFSET_END : 0;
    for (uint32_t i = 0; i < ranges->count; i++)
        memcpy((char *)&ranges->items[i] + member, &offset, sizeof(offset));
    return true;
}

/* ---- from the bounds to the range ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Until now `from` and `to` are what was asked for. */
static void clip(struct replay_range *range, enum replay_bound_kind from_kind, enum replay_bound_kind to_kind)
{
    range->stable = most(range->stable, range->first);
    range->high = most(range->high, range->stable);
    int64_t from = range->from == RD_KAFKA_OFFSET_END ? range->stable : range->from;
    int64_t to = range->to == RD_KAFKA_OFFSET_END ? range->stable : range->to;
    if (from_kind == BOUND_OFFSET)
        range->lost = most(least(range->first, to) - from, 0);
    if (to_kind == BOUND_OFFSET)
        range->open = most(least(to, range->high) - most(from, range->stable), 0);
    range->from = least(most(from, range->first), range->stable);
    range->to = least(to, range->stable);
}

static bool find_times(struct replay_ranges *ranges, const struct config *config, int wait_ms, char *error,
                       size_t error_size)
{
    struct replay_time *times = calloc((size_t)ranges->count * 3, sizeof(*times)), *end = times;
    if (!times) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    for (uint32_t i = 0; i < ranges->count; i++) {
        struct replay_range *range = &ranges->items[i];
        *end++ = (struct replay_time){range->partition, range->first, range->stable, &range->first_ms};
        if (range->from > range->first)
            *end++ = (struct replay_time){range->partition, range->from, range->stable, &range->from_ms};
        *end++ = (struct replay_time){range->partition, most(range->to, range->first), range->stable, &range->to_ms};
    }
    bool ok = replay_times_find(config, times, (size_t)(end - times), wait_ms, error, error_size);
    for (uint32_t i = 0; i < ranges->count && ok; i++)
        if (ranges->items[i].from <= ranges->items[i].first)
            ranges->items[i].from_ms = ranges->items[i].first_ms;
    free(times);
    return ok;
}

/* True if the message that a time stands for is earlier: there is a marker in front of it. */
static bool is_too_early(struct replay_bound bound, int64_t found_ms)
{
    return bound.kind == BOUND_TIME && found_ms >= 0 && found_ms < bound.value;
}

static bool correct_times(struct replay_ranges *ranges, const struct config *config, struct replay_bound from,
                          struct replay_bound to, int wait_ms, char *error, size_t error_size)
{
    bool ok = true;
    for (uint32_t i = 0; i < ranges->count && ok; i++) {
        struct replay_range *range = &ranges->items[i];
        if (is_too_early(from, range->from_ms))
            ok = replay_time_seek(config, range->partition, range->stable, from.value, wait_ms, &range->from,
                                  &range->from_ms, error, error_size);
        if (ok && is_too_early(to, range->to_ms))
            ok = replay_time_seek(config, range->partition, range->stable, to.value, wait_ms, &range->to, &range->to_ms,
                                  error, error_size);
    }
    return ok;
}

enum range_result replay_ranges_resolve(struct replay_ranges *ranges, rd_kafka_t *consumer, const struct config *config,
                                        struct replay_bound from, struct replay_bound to, const int32_t *partitions,
                                        uint32_t partition_count, int wait_ms, char *error, size_t error_size)
{
    const char *topic = config->commands.topic;
    *ranges = (struct replay_ranges){0};
    enum range_result result =
        find_partitions(ranges, consumer, topic, partitions, partition_count, wait_ms, error, error_size);
    if (result != RANGES_RESOLVED)
        return result;
    bool ok =
        find_edges(ranges, consumer, config, wait_ms, error, error_size) &&
        find_bound(ranges, consumer, topic, from, offsetof(struct replay_range, from), wait_ms, error, error_size) &&
        find_bound(ranges, consumer, topic, to, offsetof(struct replay_range, to), wait_ms, error, error_size);
    for (uint32_t i = 0; i < ranges->count && ok; i++)
        clip(&ranges->items[i], from.kind, to.kind);
    if (ok && find_times(ranges, config, wait_ms, error, error_size) &&
        correct_times(ranges, config, from, to, wait_ms, error, error_size))
        return RANGES_RESOLVED;
    replay_ranges_free(ranges);
    return RANGES_UNAVAILABLE;
}

void replay_ranges_free(struct replay_ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct replay_ranges){0};
}

int64_t replay_range_offsets(const struct replay_range *range)
{
    return most(range->to - range->from, 0);
}
