#include "worker/source/held_messages.h"

#include <stdlib.h>
#include <string.h>

#include "worker/kafka/message_copy.h"
#include "worker/source/source_message.h"

#define FIRST_CAPACITY 64

void held_messages_close(struct held_messages *held)
{
    for (uint32_t i = 0; i < held->count; i++)
        source_message_destroy(held->messages[i].message);
    free(held->messages);
    free(held->shares);
    *held = (struct held_messages){0};
}

/* What the list has of the partition, or NULL if nothing was ever added of it or of a later one. */
static struct held_share *share_of(const struct held_messages *held, int32_t partition)
{
    return partition < held->share_count ? &held->shares[partition] : NULL;
}

static bool has_any(const struct held_messages *held, int32_t partition)
{
    const struct held_share *share = share_of(held, partition);
    return share && share->count > 0;
}

/* The message is in the list at `place`, behind all others of its partition. */
static void share_add(struct held_messages *held, const rd_kafka_message_t *message, uint32_t place)
{
    if (message->partition >= held->share_count) {
        const int32_t count = message->partition + FIRST_CAPACITY;
        struct held_share *grown = realloc(held->shares, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        memset(grown + held->share_count, 0, (size_t)(count - held->share_count) * sizeof(*grown));
        held->shares = grown;
        held->share_count = count;
    }
    struct held_share *share = &held->shares[message->partition];
    if (share->count++ == 0) {
        share->first = place;
        share->highest = message->offset;
    }
    share->last = message->offset;
    if (message->offset > share->highest)
        share->highest = message->offset;
}

static void shares_clear(struct held_messages *held)
{
    if (held->share_count > 0)
        memset(held->shares, 0, (size_t)held->share_count * sizeof(*held->shares));
}

static size_t bytes_of(const rd_kafka_message_t *message)
{
    return message_is_copy(message) ? message_copy_bytes(message) : 0;
}

void held_messages_add(struct held_messages *held, rd_kafka_message_t *message, bool claimed)
{
    if (held->count == held->capacity) {
        uint32_t capacity = held->capacity ? held->capacity * 2 : FIRST_CAPACITY;
        struct held_message *grown = realloc(held->messages, capacity * sizeof(*grown));
        if (!grown)
            abort();
        held->messages = grown;
        held->capacity = capacity;
    }
    share_add(held, message, held->count);
    held->messages[held->count++] = (struct held_message){message, claimed};
    held->bytes += bytes_of(message);
}

void held_messages_put_before(struct held_messages *held, struct held_messages *first)
{
    if (first->count == 0)
        return;
    for (uint32_t i = 0; i < held->count; i++)
        held_messages_add(first, held->messages[i].message, held->messages[i].claimed);
    free(held->messages);
    free(held->shares);
    *held = *first;
    *first = (struct held_messages){0};
}

/* Destroys the messages from `offset` on, of the partitions that are `gone`. */
static void drop(struct held_messages *held, const bool *gone, int64_t offset)
{
    uint32_t kept = 0;
    shares_clear(held);
    for (uint32_t i = 0; i < held->count; i++) {
        rd_kafka_message_t *message = held->messages[i].message;
        if (gone[message->partition] && message->offset >= offset) {
            held->bytes -= bytes_of(message);
            source_message_destroy(message);
        } else {
            share_add(held, message, kept);
            held->messages[kept++] = held->messages[i];
        }
    }
    held->count = kept;
}

/* Room for a mark of each partition of which the list has messages. */
static bool *marks_new(const struct held_messages *held)
{
    bool *marks = calloc((size_t)held->share_count, sizeof(*marks));
    if (!marks)
        abort();
    return marks;
}

void held_messages_drop_from(struct held_messages *held, int32_t partition, int64_t offset)
{
    if (!has_any(held, partition) || share_of(held, partition)->highest < offset)
        return;
    bool *gone = marks_new(held);
    gone[partition] = true;
    drop(held, gone, offset);
    free(gone);
}

void held_messages_drop_all(struct held_messages *held, const rd_kafka_topic_partition_list_t *partitions)
{
    if (held->count == 0)
        return;
    bool *gone = marks_new(held), any = false;
    for (int i = 0; i < partitions->cnt; i++) {
        if (!has_any(held, partitions->elems[i].partition))
            continue;
        gone[partitions->elems[i].partition] = any = true;
    }
    if (any)
        drop(held, gone, INT64_MIN);
    free(gone);
}

void held_messages_drop(struct held_messages *held, int32_t partition)
{
    held_messages_drop_from(held, partition, INT64_MIN);
}

rd_kafka_message_t *held_messages_find(const struct held_messages *held, int32_t partition)
{
    return has_any(held, partition) ? held->messages[share_of(held, partition)->first].message : NULL;
}

int64_t held_messages_first(const struct held_messages *held, int32_t partition)
{
    const rd_kafka_message_t *message = held_messages_find(held, partition);
    return message ? message->offset : -1;
}

int64_t held_messages_last(const struct held_messages *held, int32_t partition, int64_t offset)
{
    if (!has_any(held, partition))
        return -1;
    if (share_of(held, partition)->last < offset)
        return share_of(held, partition)->last;
    for (uint32_t i = held->count; i > 0; i--) {
        const rd_kafka_message_t *message = held->messages[i - 1].message;
        if (message->partition == partition && message->offset < offset)
            return message->offset;
    }
    return -1;
}

void held_messages_forget_claims(struct held_messages *held)
{
    for (uint32_t i = 0; i < held->count; i++)
        held->messages[i].claimed = false;
}

void held_messages_offer(struct held_messages *held, held_messages_taker *take, void *taker)
{
    uint32_t kept = 0;
    shares_clear(held);
    for (uint32_t i = 0; i < held->count; i++) {
        if (take(taker, &held->messages[i])) {
            held->bytes -= bytes_of(held->messages[i].message);
        } else {
            share_add(held, held->messages[i].message, kept);
            held->messages[kept++] = held->messages[i];
        }
    }
    held->count = kept;
}
