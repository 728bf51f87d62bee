/* What is kept of commands that are postponed, within a limit of bytes.
 *
 * Commands that wait for definitions may do so for hours, in hundreds of partitions. A message of librdkafka's keeps
 * the whole response that it came in, so they are copied. If the copies take more than the limit, commands are dropped.
 * All commands that are behind the first one of their partition may have half of the limit, so that there is room for
 * first commands, which are those that are tried. What was dropped is read again once the wait of its partition has
 * ended. A partition of which nothing could be kept is read again from time to time, as if its wait had ended, but its
 * limit goes on.
 *
 * Commands that wait for the next batch only are copied if there is room, too: those behind a jump that is not settled
 * may be left in several batches. */
#include "worker/source/source_held.h"

#include "common/clock.h"
#include "worker/kafka/message_copy.h"
#include "worker/source/source_group.h"
#include "worker/source/source_jumps.h"
#include "worker/source/source_log.h"
#include "worker/source/source_message.h"

#define EMPTY_RETRY_MS 5000 /* each time up to max.partition.fetch.bytes are fetched */

static bool is_dropped(const struct source *source, int32_t partition, int64_t offset)
{
    return partitions_is_cut(source->partitions, partition) && offset >= partitions_next(source->partitions, partition);
}

/* The commands of the partition from `offset` on count as not taken. */
static void cut(struct source *source, int32_t partition, int64_t offset)
{
    struct log_state *log = source_log(source, partition);
    partitions_cut(source->partitions, partition, offset);
    held_messages_drop_from(&source->held, partition, offset);
    source_forget_jumps(source, partition, offset);
    log->end = -1; /* or it would be committed once nothing is held */
}

/* The same for what is behind the last command that is kept in `list`. Offsets between the two may have been jumped
 * over, which is verified when the commands come again. */
static void cut_behind(struct source *source, const struct held_messages *list, const rd_kafka_message_t *message)
{
    const int64_t kept = held_messages_last(list, message->partition, message->offset);
    cut(source, message->partition, kept >= 0 ? kept + 1 : message->offset);
}

bool source_drop_waiting(struct source *source, const rd_kafka_message_t *message)
{
    const int32_t partition = message->partition;
    const int64_t next = partitions_next(source->partitions, partition);
    if (partitions_lacks_definitions(source->partitions, partition) && message->offset >= next)
        cut(source, partition, next);
    return is_dropped(source, partition, message->offset);
}

static bool has_room(const struct source *source, const struct held_messages *postponed, size_t bytes, bool is_first)
{
    return source->held.bytes + postponed->bytes + bytes <= source->held_bytes / (is_first ? 1 : 2);
}

/* True if nothing of the partition is kept yet. Those of one partition follow each other in most batches. */
static bool is_first_of(const struct held_messages *postponed, int32_t partition)
{
    const uint32_t count = postponed->count;
    return (count == 0 || postponed->messages[count - 1].message->partition != partition) &&
           held_messages_first(postponed, partition) < 0;
}

/* Instead of librdkafka's message, which is destroyed. */
static rd_kafka_message_t *copy_instead(rd_kafka_message_t *message)
{
    rd_kafka_message_t *copy = message_copy_new(message);
    source_message_destroy(message);
    return copy;
}

void source_keep(struct source *source, struct held_messages *postponed, uint32_t index)
{
    const struct item *item = &source->batch->items[index];
    const int32_t partition = item->from.partition;
    rd_kafka_message_t *message = source->messages[index];
    const bool is_fetched = !message_is_copy(message) && !message_is_placeholder(message);
    const bool lacks = partitions_lacks_definitions(source->partitions, partition);
    if (is_dropped(source, partition, message->offset)) {
        source_message_destroy(message);
        return;
    }
    if (!partitions_is_waiting(source->partitions, partition) || message_is_placeholder(message)) {
        held_messages_add(postponed, message, item->claimed);
        return;
    }
    const bool is_first = is_first_of(postponed, partition);
    const size_t bytes = is_fetched ? message_copy_estimate(item) : message_copy_bytes(message);
    const bool is_unsettled = source_is_unsettled(source, partition, message->offset);
    if (has_room(source, postponed, bytes, is_first) || (is_first && is_unsettled)) {
        held_messages_add(postponed, is_fetched ? copy_instead(message) : message, item->claimed);
    } else if (!lacks) {
        held_messages_add(postponed, message, item->claimed);
    } else {
        cut_behind(source, postponed, message);
        source_message_destroy(message);
        if (is_first)
            partitions_wait_empty(source->partitions, partition, clock_now_ms(), EMPTY_RETRY_MS);
    }
}

void source_forget_claims(struct source *source)
{
    held_messages_forget_claims(&source->held);
}

void source_drop_fetched(struct source *source)
{
    struct held_messages *held = &source->held;
    for (uint32_t i = 0; i < held->count;) {
        const rd_kafka_message_t *message = held->messages[i].message;
        if (partitions_lacks_definitions(source->partitions, message->partition) && !message_is_copy(message) &&
            !message_is_placeholder(message))
            cut_behind(source, held, message); /* what is left of the list begins at `i` */
        else
            i++;
    }
}

void source_end_wait(struct source *source, int32_t partition)
{
    if (!partitions_is_waiting(source->partitions, partition) ||
        partitions_waits_empty(source->partitions, partition) || held_messages_first(&source->held, partition) >= 0)
        return;
    const bool is_cut = partitions_is_cut(source->partitions, partition);
    partitions_end_wait(source->partitions, partition);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition)->offset =
        partitions_next(source->partitions, partition);
    if (is_cut)
        source_read_from(source, list);
    else
        source_resume_partitions(source, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void source_end_empty_waits(struct source *source)
{
    int32_t partition;
    while ((partition = partitions_take_empty(source->partitions, source->filling_ms)) >= 0)
        source_end_wait(source, partition);
}
