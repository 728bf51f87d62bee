/* The messages that an applied replay has in hand: those of the worker's batch, and the pending ones. */
#include <stdlib.h>
#include <string.h>

#include "worker/replay/replay_apply_internal.h"
#include "worker/source/source_message.h"

void messages_drop(struct apply *apply)
{
    const uint32_t count = apply->worker.batch ? apply->worker.batch->count : 0;
    apply_definitions_release(apply);
    for (uint32_t i = 0; i < count; i++)
        source_message_destroy(apply->messages[i]);
    for (uint32_t i = 0; i < apply->pending_count; i++)
        source_message_destroy(apply->pending[i]);
    apply->pending_count = 0;
    if (apply->worker.batch)
        batch_reset(apply->worker.batch);
}

void messages_take_pending(struct apply *apply, uint32_t most, messages_consider *consider)
{
    const struct batch *batch = apply->worker.batch;
    uint32_t taken = 0;
    for (; taken < apply->pending_count && batch->count < most; taken++)
        consider(apply, apply->pending[taken]);
    apply->pending_count -= taken;
    if (taken > 0)
        memmove(apply->pending, apply->pending + taken, apply->pending_count * sizeof(rd_kafka_message_t *));
}

uint32_t messages_put_off(void *source, uint32_t most)
{
    struct apply *apply = source;
    uint32_t count = 0, kept = 0;
    for (uint32_t i = 0; i < apply->worker.batch->count; i++) {
        struct item *item = &apply->worker.batch->items[i];
        if (!item_is_ours(item) && item->custody != CUSTODY_ANSWERED)
            continue;
        if (count == 0 && (!item_is_ours(item) || kept++ < most))
            continue;
        count += item_is_ours(item);
        item->custody = CUSTODY_POSTPONED;
    }
    return count;
}

/* Postponed messages come before those that were pending already. */
void messages_release(void *source)
{
    struct apply *apply = source;
    struct batch *batch = apply->worker.batch;
    uint32_t postponed = 0;
    apply_definitions_release(apply);
    for (uint32_t i = 0; i < batch->count; i++)
        postponed += batch->items[i].custody == CUSTODY_POSTPONED;
    if (apply->pending_count + postponed > apply->pending_capacity) {
        apply->pending_capacity = apply->pending_count + postponed;
        apply->pending = realloc(apply->pending, apply->pending_capacity * sizeof(rd_kafka_message_t *));
        if (!apply->pending)
            abort();
    }
    if (postponed > 0)
        memmove(apply->pending + postponed, apply->pending, apply->pending_count * sizeof(rd_kafka_message_t *));
    apply->pending_count += postponed;
    for (uint32_t i = 0, next = 0; i < batch->count; i++) {
        if (batch->items[i].custody == CUSTODY_POSTPONED)
            apply->pending[next++] = apply->messages[i];
        else
            source_message_destroy(apply->messages[i]);
    }
    rate_take(&apply->rate, -(int64_t)postponed);
    batch_reset(batch);
}
