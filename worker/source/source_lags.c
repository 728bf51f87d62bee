/* How far the partitions are, as metrics and people see it; and whether a broker can be reached. */
#include "worker/source/source_lags.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/metrics/thread_board.h"
#include "worker/source/source_committed.h"
#include "worker/source/source_group.h"
#include "worker/source/source_log.h"
#include "worker/source/source_message.h"
#include "worker/source/source_places.h"

#define LOOK_EVERY_MS 1000 /* source_look_around */
#define LOOK_WAIT_MS  200

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The position of the partition's first command without a reply. If there is none here, the offset after the last
 * answered command. */
static struct lag_position source_position(const struct source *source, const struct log_state *log, int32_t partition)
{
    const struct batch *batch = source->batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item->from.partition == partition && (item_is_ours(item) || item->custody == CUSTODY_POSTPONED))
            return (struct lag_position){partition, item->from.offset, item->from.offset + 1, item->from.timestamp_ms};
    }
    const rd_kafka_message_t *held = held_messages_find(&source->held, partition);
    if (held)
        return (struct lag_position){partition, held->offset, held->offset + 1, source_message_timestamp(held)};
    int64_t next = later(partitions_next(source->partitions, partition), log->end);
    if (next < 0 && log->group == GROUP_ASKED)
        next = later(log->group_offset, log->start);
    if (next >= 0 && log->seen_offset >= next)
        return (struct lag_position){partition, next, log->seen_offset + 1, log->seen_timestamp_ms};
    return (struct lag_position){partition, next, next, -1};
}

int64_t source_open_offset(const struct source *source, int32_t partition)
{
    return partition < source->log_count ? source_position(source, &source->logs[partition], partition).offset : -1;
}

int64_t source_fetched_end(const struct source *source, rd_kafka_t *client, int32_t partition)
{
    int64_t low, high;
    if (!client ||
        rd_kafka_get_watermark_offsets(client, source->topic, partition, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high >= 0 ? high : -1;
}

/* The positions of the assigned partitions. NULL after the reason was logged. */
static const struct lag_position *source_positions(struct source *source, size_t *count)
{
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return NULL;
    if (partitions->cnt >= source->position_capacity) {
        source->position_capacity = partitions->cnt + 16;
        struct lag_position *grown =
            realloc(source->positions, (size_t)source->position_capacity * sizeof(*source->positions));
        if (!grown)
            abort();
        source->positions = grown;
    }
    for (int i = 0; i < partitions->cnt; i++) {
        int32_t partition = partitions->elems[i].partition;
        source->positions[i] = source_position(source, source_log(source, partition), partition);
    }
    *count = (size_t)partitions->cnt;
    rd_kafka_topic_partition_list_destroy(partitions);
    return source->positions;
}

static void source_show_lags(struct source *source, int64_t now_ms)
{
    size_t count;
    bool paused = source->paused || partitions_waiting(source->partitions) > 0;
    if (paused && !source->cut_off)
        source_ask_group(source);
    const struct lag_position *positions = source_positions(source, &count);
    if (positions && paused && !source->cut_off) {
        source_peek(source, positions, count, LOOK_WAIT_MS);
        positions = source_positions(source, &count);
    }
    if (!positions)
        return;
    for (size_t i = 0; i < count; i++) {
        struct lag_position *position = &source->positions[i];
        /* Transaction markers after the last command do not count. */
        int64_t end = source_log(source, position->partition)->end;
        int64_t high = later(source_fetched_end(source, source->consumer, position->partition),
                             paused ? source_fetched_end(source, source->reader, position->partition) : -1);
        bool is_unanswered = position->end > position->offset;
        if (is_unanswered || high > end)
            position->end = later(position->end, high);
    }
    lag_show(source->lag, positions, count, clock_wall_ms(), now_ms);
}

/* True if a broker answers. */
static bool source_reaches_broker(struct source *source)
{
    const struct rd_kafka_metadata *metadata;
    const int wait_ms = kafka_patience_insist_ms(&source->patience, LOOK_WAIT_MS);
    const int64_t asked_ms = clock_now_ms();
    if (rd_kafka_metadata(source->consumer, 0, NULL, &metadata, wait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_patience_unanswered(&source->patience, wait_ms);
        return false;
    }
    rd_kafka_metadata_destroy(metadata);
    kafka_patience_answered(&source->patience, asked_ms, clock_now_ms());
    return true;
}

void source_look_around(struct source *source)
{
    int64_t now = clock_now_ms();
    if (now - source->looked_ms < LOOK_EVERY_MS)
        return;
    source->looked_ms = now;
    if (source->cut_off) {
        source->cut_off = !source_reaches_broker(source);
        if (!source->cut_off)
            complaint_end(&metrics_board(source->metrics)->kafka);
    }
    source_show_lags(source, now);
}

bool source_is_cut_off(const struct source *source)
{
    return source->cut_off;
}
