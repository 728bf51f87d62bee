#include "worker/source/carried.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64

void carried_close(struct carried *carried)
{
    for (uint32_t i = 0; i < carried->count; i++)
        rd_kafka_message_destroy(carried->messages[i]);
    free(carried->messages);
    *carried = (struct carried){0};
}

void carried_add(struct carried *carried, rd_kafka_message_t *message)
{
    if (carried->count == carried->capacity) {
        uint32_t capacity = carried->capacity ? carried->capacity * 2 : FIRST_CAPACITY;
        rd_kafka_message_t **grown = realloc(carried->messages, capacity * sizeof(rd_kafka_message_t *));
        if (!grown)
            abort();
        carried->messages = grown;
        carried->capacity = capacity;
    }
    carried->messages[carried->count++] = message;
}

void carried_put_before(struct carried *carried, struct carried *first)
{
    if (first->count == 0)
        return;
    for (uint32_t i = 0; i < carried->count; i++)
        carried_add(first, carried->messages[i]);
    free(carried->messages);
    *carried = *first;
    *first = (struct carried){0};
}

void carried_drop(struct carried *carried, int32_t partition)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < carried->count; i++) {
        if (carried->messages[i]->partition == partition)
            rd_kafka_message_destroy(carried->messages[i]);
        else
            carried->messages[kept++] = carried->messages[i];
    }
    carried->count = kept;
}

rd_kafka_message_t *carried_find(const struct carried *carried, int32_t partition)
{
    for (uint32_t i = 0; i < carried->count; i++)
        if (carried->messages[i]->partition == partition)
            return carried->messages[i];
    return NULL;
}

int64_t carried_first(const struct carried *carried, int32_t partition)
{
    const rd_kafka_message_t *message = carried_find(carried, partition);
    return message ? message->offset : -1;
}

void carried_offer(struct carried *carried, carried_taker *take, void *taker)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < carried->count; i++)
        if (!take(taker, carried->messages[i]))
            carried->messages[kept++] = carried->messages[i];
    carried->count = kept;
}
