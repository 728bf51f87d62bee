/* Commands of a batch that are not answered with it: their partitions wait, for definitions or for a smaller batch. */
#include "common/clock.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_group.h"
#include "worker/source/source_held.h"
#include "worker/source/source_log.h"
#include "worker/source/source_message.h"
#include "worker/source/source_places.h"

#define END_WAIT_MS        300  /* for the end of a log */
#define END_LATER_MS       5000 /* before the next end is asked for, if Kafka was silent */
#define POSTPONED_RETRY_MS 200  /* how soon new definitions are noticed */

/* Commands that are in the log when a wait reaches its limit do not wait again: their timestamps may be wrong. Where
 * Kafka was silent a moment ago, the end is not asked for: many waits may end at the same time. */
static void source_note_waited(struct source *source, int32_t partition)
{
    int64_t low, high, now = clock_now_ms();
    bool ok =
        now >= source->ends_asked_ms && source_ask_ends(source, source->consumer, partition, END_WAIT_MS, &low, &high);
    if (!ok && now >= source->ends_asked_ms)
        source->ends_asked_ms = clock_now_ms() + END_LATER_MS;
    source_log(source, partition)->waited_to = ok ? high : partitions_noted(source->partitions, partition);
}

/* By the message's timestamp. A message without one is never older. */
static bool is_older_than(const struct position *from, int64_t limit_ms)
{
    return from->timestamp_ms > 0 && clock_wall_ms() - from->timestamp_ms >= limit_ms;
}

uint32_t source_put_off_from(struct source *source, uint32_t index, bool was_waiting)
{
    struct batch *batch = source->batch;
    int32_t partition = batch->items[index].from.partition;
    uint32_t count = 0;
    if (!was_waiting) {
        rd_kafka_topic_partition_list_t *list = source_one_partition(source, partition);
        source_pause_partitions(source, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    for (uint32_t i = index; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->from.partition != partition || !item_is_ours(item))
            continue;
        item->custody = CUSTODY_POSTPONED;
        count++;
    }
    return count;
}

bool source_postpone(struct source *source, uint32_t index, int64_t limit_ms)
{
    struct batch *batch = source->batch;
    int32_t partition = batch->items[index].from.partition;
    bool was_waiting = partitions_is_waiting(source->partitions, partition);
    partitions_renew_limit(source->partitions, partition, batch->items[index].from.offset);
    if (is_older_than(&batch->items[index].from, limit_ms) ||
        batch->items[index].from.offset < source_log(source, partition)->waited_to)
        return false;
    if (!partitions_wait(source->partitions, partition, clock_now_ms(), POSTPONED_RETRY_MS, limit_ms)) {
        source_note_waited(source, partition);
        return false;
    }
    source_put_off_from(source, index, was_waiting);
    return true;
}

void source_hold(struct source *source, uint32_t index)
{
    const int32_t partition = source->batch->items[index].from.partition;
    const bool was_waiting = partitions_is_waiting(source->partitions, partition);
    partitions_hold(source->partitions, partition, clock_now_ms(), POSTPONED_RETRY_MS);
    source_put_off_from(source, index, was_waiting);
}

uint32_t source_put_off(struct source *source, uint32_t most)
{
    const struct batch *batch = source->batch;
    uint32_t kept = 0, put_off = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        int32_t partition = batch->items[i].from.partition;
        if (!item_is_ours(&batch->items[i]) || kept++ < most)
            continue;
        bool was_waiting = partitions_is_waiting(source->partitions, partition);
        partitions_put_off(source->partitions, partition);
        put_off += source_put_off_from(source, i, was_waiting);
    }
    return put_off;
}

uint32_t source_waiting(const struct source *source)
{
    return partitions_lacking_definitions(source->partitions);
}

void source_release(struct source *source)
{
    struct batch *batch = source->batch;
    bool waits = partitions_waiting(source->partitions) > 0;
    struct held_messages postponed = {0};
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->items[i].custody == CUSTODY_POSTPONED)
            source_keep(source, &postponed, i);
        else
            source_message_destroy(source->messages[i]);
        if (waits && item_is_ours(&batch->items[i]))
            partitions_note_answer(source->partitions, batch->items[i].from.partition);
    }
    held_messages_put_before(&source->held, &postponed);
    if (waits)
        source_drop_fetched(source);
    for (uint32_t i = 0; waits && i < batch->count; i++)
        source_end_wait(source, batch->items[i].from.partition);
    batch_reset(batch);
}
