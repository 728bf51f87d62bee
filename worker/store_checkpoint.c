/* Checkpoints and owners: what the store leaves behind for whoever comes after it. A checkpoint is "<offset>
 * <offsets>": that behind the partition's last committed command, and those of the record topic. */
#include "worker/store_parts.h"

bool checkpoint_parse(struct span text, int64_t *next, struct offsets *record_ends)
{
    const char *space = text.at ? memchr(text.at, ' ', text.length) : NULL;
    struct offsets first;
    if (!space || !offsets_parse(span_of(text.at, (size_t)(space - text.at)), &first))
        return false;
    *next = offsets_get(&first, 0);
    bool fine = first.count == 1 && *next != OFFSET_NONE;
    offsets_free(&first);
    return fine && offsets_parse(span_from(text, (size_t)(space - text.at) + 1), record_ends);
}

struct span checkpoint_text(int64_t next, const struct offsets *record_ends, struct arena *arena)
{
    struct span number = arena_format(arena, "%lld ", (long long)next);
    return span_of(number.at, number.length + offsets_text(record_ends, arena).length);
}

void write_checkpoint(struct redis_pipeline *pipeline, struct span place, struct span text)
{
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_parts(pipeline, CHECKPOINT_KEY(place));
    pipeline_parts(pipeline, text);
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
    struct span *texts = arena_alloc(&batch->arena, count * sizeof(*texts));
    offsets_raise_all(&store->record_ends, record_ends);
    for (uint32_t i = 0; i < count; i++) {
        places[i] = store_place(store, parts[i].partition, &batch->arena);
        texts[i] = checkpoint_text(parts[i].next, &store->record_ends, &batch->arena);
    }
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    write_word(&pipeline, SPAN("MULTI"));
    for (uint32_t i = 0; i < count; i++)
        write_checkpoint(&pipeline, places[i], texts[i]);
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
