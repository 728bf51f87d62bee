#include "worker/source/held_messages.h"

#include <stdlib.h>

#include "worker/kafka/message_copy.h"
#include "worker/source/source_message.h"

#define FIRST_CAPACITY 64

void held_messages_close(struct held_messages *held)
{
    for (uint32_t i = 0; i < held->count; i++)
        source_message_destroy(held->messages[i].message);
    free(held->messages);
    *held = (struct held_messages){0};
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
    *held = *first;
    *first = (struct held_messages){0};
}

void held_messages_drop_from(struct held_messages *held, int32_t partition, int64_t offset)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < held->count; i++) {
        rd_kafka_message_t *message = held->messages[i].message;
        if (message->partition == partition && message->offset >= offset) {
            held->bytes -= bytes_of(message);
            source_message_destroy(message);
        } else {
            held->messages[kept++] = held->messages[i];
        }
    }
    held->count = kept;
}

void held_messages_drop(struct held_messages *held, int32_t partition)
{
    held_messages_drop_from(held, partition, INT64_MIN);
}

rd_kafka_message_t *held_messages_find(const struct held_messages *held, int32_t partition)
{
    for (uint32_t i = 0; i < held->count; i++)
        if (held->messages[i].message->partition == partition)
            return held->messages[i].message;
    return NULL;
}

int64_t held_messages_first(const struct held_messages *held, int32_t partition)
{
    const rd_kafka_message_t *message = held_messages_find(held, partition);
    return message ? message->offset : -1;
}

int64_t held_messages_last(const struct held_messages *held, int32_t partition, int64_t offset)
{
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
    for (uint32_t i = 0; i < held->count; i++)
        if (take(taker, &held->messages[i]))
            held->bytes -= bytes_of(held->messages[i].message);
        else
            held->messages[kept++] = held->messages[i];
    held->count = kept;
}
