/* Checkpoints and owners: what the store leaves behind for whoever comes after it. A checkpoint is "<next>,<highest>
 * <offsets of the record topic>". */
#include <stdio.h>

#include "worker/index/store_parts.h"

bool checkpoint_parse(struct span text, struct checkpoint *checkpoint, struct offsets *record_ends)
{
    const char *space = text.at ? memchr(text.at, ' ', text.length) : NULL;
    struct offsets numbers;
    *record_ends = (struct offsets){0};
    if (!space || !offsets_parse(span_of(text.at, (size_t)(space - text.at)), &numbers))
        return false;
    *checkpoint = (struct checkpoint){offsets_get(&numbers, 0), offsets_get(&numbers, 1)};
    bool fine = numbers.count == 2 && checkpoint->next != OFFSET_NONE && checkpoint->highest >= checkpoint->next;
    offsets_free(&numbers);
    return fine && offsets_parse(span_from(text, (size_t)(space - text.at) + 1), record_ends);
}

void write_checkpoint(struct redis_pipeline *pipeline, struct span place, const struct checkpoint *checkpoint,
                      struct span record_ends)
{
    char numbers[64];
    int length =
        snprintf(numbers, sizeof(numbers), "%lld,%lld ", (long long)checkpoint->next, (long long)checkpoint->highest);
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_parts(pipeline, CHECKPOINT_KEY(place));
    pipeline_parts(pipeline, span_of(numbers, (size_t)length), record_ends);
}

/* Under the watch that store_confirm began: Redis takes it only if the partitions are still ours. */
void store_checkpoint(struct store *store, struct batch *batch, const struct offsets *record_ends)
{
    if (!store->sound || !store->connection)
        return;
    size_t mark = batch->arena.used;
    struct batch_part *parts;
    uint32_t count = batch_parts(batch, &parts);
    if (count == 0)
        return;
    struct span *places = arena_alloc(&batch->arena, count * sizeof(*places));
    offsets_raise_all(&store->record_ends, record_ends);
    for (uint32_t i = 0; i < count; i++)
        places[i] = store_place(store, parts[i].partition, &batch->arena);
    struct span ends = offsets_text(&store->record_ends, &batch->arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    write_word(&pipeline, SPAN("MULTI"));
    for (uint32_t i = 0; i < count; i++) {
        offsets_raise(&store->committed, parts[i].partition, parts[i].next);
        write_checkpoint(&pipeline, places[i],
                         &(struct checkpoint){parts[i].next, offsets_get(&store->committed, parts[i].partition)}, ends);
    }
    write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? store_executed(store, &pipeline, count) : NULL;
    if (!executed && pipeline.failed)
        store_fail(store, "sending failed");
    else if (!executed && store->connection)
        store_find_unsound(store, "the marks changed during a commit");
    freeReplyObject(executed);
    arena_reset(&batch->arena, mark);
}

bool store_own(struct store *store, const int32_t *partitions, int32_t count, struct arena *scratch)
{
    size_t mark = scratch->used;
    struct span *places = arena_alloc(scratch, (size_t)count * sizeof(*places));
    for (int32_t i = 0; i < count; i++)
        places[i] = store_place(store, partitions[i], scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, scratch);
    for (int32_t i = 0; i < count; i++) {
        pipeline_command(&pipeline, 3);
        pipeline_parts(&pipeline, SPAN("SET"));
        pipeline_parts(&pipeline, OWNER_KEY(places[i]));
        pipeline_parts(&pipeline, span_of(store->owner, sizeof(store->owner)));
    }
    bool fine = store_carry_out(store, &pipeline);
    arena_reset(scratch, mark);
    return fine;
}
