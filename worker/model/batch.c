#include "worker/model/batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"

/* Worst case of arena bytes per byte of value: one copy, a 24-byte node for every two bytes ("[1,1,1"), then a
 * normalized form, the record and the reply, each of which can be three times as long (percent-encoding, NFC). */
#define ARENA_BYTES_PER_BYTE 32
/* Further arena bytes per command: padding, ids, the list of its known headers, replies in smaller forms, and the
 * paths and messages of its violations. */
#define ARENA_BYTES_PER_COMMAND (16384 + VIOLATION_BYTES * 8)

/* A rebuild works in the arena, too, with two records and two values of Redis at a time (index_restore_settle.c). */
#define ARENA_LEAST ((size_t)16 << 20)

int batch_open(struct batch *batch, uint32_t capacity, size_t bytes, size_t command_bytes)
{
    *batch = (struct batch){.capacity = capacity, .command_bytes = command_bytes};
    batch->items = calloc(capacity, sizeof(*batch->items));
    if (!batch->items)
        return -1;
    /* The last message may exceed `bytes` by its value and by its known headers, which are only copied. */
    size_t arena =
        (bytes + command_bytes) * ARENA_BYTES_PER_BYTE + command_bytes + (size_t)capacity * ARENA_BYTES_PER_COMMAND;
    if (arena < ARENA_LEAST)
        arena = ARENA_LEAST;
    if (arena_open(&batch->arena, arena) != 0) {
        free(batch->items);
        *batch = (struct batch){0};
        return -1;
    }
    return 0;
}

void batch_close(struct batch *batch)
{
    arena_close(&batch->arena);
    free(batch->items);
    *batch = (struct batch){0};
}

void batch_reset(struct batch *batch)
{
    arena_reset(&batch->arena, 0);
    batch->count = 0;
    batch->bytes = 0;
}

void batch_begin(struct batch *batch)
{
    batch->filled = batch->arena.used;
    batch->nonce = 0;
}

void batch_reset_for_retry(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        enum arrival arrival[MESSAGE_KINDS];
        memcpy(arrival, item->arrival, sizeof(arrival));
        batch->items[i] = (struct item){.from = item->from,
                                        .key = item->key,
                                        .value = item->value,
                                        .headers = item->headers,
                                        .header_count = item->header_count,
                                        .header_state = item->header_state,
                                        .outer_bytes = item->outer_bytes,
                                        .header_heap = item->header_heap,
                                        .outer_held = item->outer_held,
                                        .message = item->message,
                                        .custody = item->custody,
                                        .claimed = item->claimed,
                                        .settled = item->settled,
                                        .reply_form = item->reply_form,
                                        .record_form = item->record_form,
                                        .dead_letter_form = item->dead_letter_form,
                                        .reply_absence = item->reply_absence,
                                        .client_bytes = item->client_bytes,
                                        .client_most = item->client_most,
                                        .told_outcome = item->told_outcome,
                                        .told_error = item->told_error};
        memcpy(batch->items[i].arrival, arrival, sizeof(arrival));
    }
    arena_reset(&batch->arena, batch->filled);
}

uint32_t batch_count_ours(const struct batch *batch)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++)
        count += item_is_ours(&batch->items[i]);
    return count;
}

bool batch_has_ours(const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (item_is_ours(&batch->items[i]))
            return true;
    return false;
}

uint32_t batch_parts(struct batch *batch, struct batch_part **parts)
{
    uint32_t count = 0, last = 0;
    struct batch_part *found = *parts = arena_alloc(&batch->arena, batch->count * sizeof(*found));
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        /* The commands of a partition are consecutive. */
        if (count == 0 || found[last].partition != item->from.partition)
            for (last = 0; last < count && found[last].partition != item->from.partition;)
                last++;
        if (last == count)
            found[count++].partition = item->from.partition;
        found[last].next = item->from.offset + 1;
    }
    return count;
}

void item_reject(struct item *item, enum error error, struct span message)
{
    assert(error_row(error)->scope == ERROR_SCOPE_COMMAND);
    if (item->outcome == OUTCOME_REJECTED)
        return;
    item->outcome = OUTCOME_REJECTED;
    item->error = error;
    item->error_message = message;
}

void item_confirm(struct item *item, enum message_kind kind)
{
    item->arrival[kind] = ARRIVAL_CONFIRMED;
    if (kind != MESSAGE_REPLY)
        return;
    item->told_outcome = item->outcome;
    item->told_error = item->error;
}

bool item_is_delivered(const struct item *item, enum message_kind kind)
{
    if (item->arrival[kind] != ARRIVAL_CONFIRMED)
        return false;
    return kind != MESSAGE_REPLY || (item->told_outcome == item->outcome && item->told_error == item->error);
}

struct span position_text(const struct position *from, struct arena *arena)
{
    char number[2 * DECIMAL_BYTES + 2];
    char *end = number + sizeof(number);
    char *begin = decimal_before(end, from->offset);
    *--begin = '/';
    begin = decimal_before(begin, from->partition);
    *--begin = '/';
    const struct span topic = span_of_text(from->topic), rest = span_of(begin, (size_t)(end - begin));
    char *const text = arena_room(arena, topic.length + rest.length);
    span_copy(span_copy(text, topic), rest);
    arena->used += topic.length + rest.length;
    return span_of(text, topic.length + rest.length);
}

const struct header *item_find_header(const struct item *item, struct span name)
{
    for (uint32_t i = item->header_count; i > 0; i--)
        if (span_equal(item->headers[i - 1].name, name))
            return &item->headers[i - 1];
    return NULL;
}
