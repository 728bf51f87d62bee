/* Checkpoints and owners: what the index leaves in Redis for the next audit and the next owner. A checkpoint is
 * "<next>,<highest>,<nonce> <offsets of the record topic>"; those of earlier versions have no nonce. */
#include <stdio.h>

#include "worker/index/index_internal.h"

bool checkpoint_parse(struct span text, struct checkpoint *checkpoint, struct offsets *record_ends)
{
    const char *space = text.at ? memchr(text.at, ' ', text.length) : NULL;
    struct offsets numbers;
    *record_ends = (struct offsets){0};
    if (!space || !offsets_parse(span_of(text.at, (size_t)(space - text.at)), &numbers))
        return false;
    *checkpoint = (struct checkpoint){offsets_get(&numbers, 0), offsets_get(&numbers, 1), offsets_get(&numbers, 2)};
    bool ok = (numbers.count == 2 || (numbers.count == 3 && checkpoint->nonce > 0)) &&
              checkpoint->next != OFFSET_NONE && checkpoint->highest >= checkpoint->next;
    offsets_free(&numbers);
    return ok && offsets_parse(span_from(text, (size_t)(space - text.at) + 1), record_ends);
}

void index_write_checkpoint_at(struct redis_pipeline *pipeline, const struct span *key, size_t parts,
                               const struct checkpoint *checkpoint, struct span record_ends)
{
    char numbers[96];
    int length =
        snprintf(numbers, sizeof(numbers), "%lld,%lld", (long long)checkpoint->next, (long long)checkpoint->highest);
    if (checkpoint->nonce > 0)
        length += snprintf(numbers + length, sizeof(numbers) - (size_t)length, ",%lld", (long long)checkpoint->nonce);
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_argument(pipeline, key, parts);
    pipeline_parts(pipeline, span_of(numbers, (size_t)length), SPAN(" "), record_ends);
}

void index_write_checkpoint(struct redis_pipeline *pipeline, struct span place, const struct checkpoint *checkpoint,
                            struct span record_ends)
{
    index_write_checkpoint_at(pipeline, (const struct span[]){CHECKPOINT_KEY(place)}, 2, checkpoint, record_ends);
}

/* The WATCH of index_confirm is still active: Redis accepts the checkpoint only if the partitions are still ours. */
void index_checkpoint(struct index *index, struct batch *batch, const struct offsets *record_ends, int64_t nonce)
{
    if (!index->verified || !index->connection)
        return;
    size_t mark = batch->arena.used;
    struct batch_part *parts = NULL;
    uint32_t count = index->replay ? 1 : batch_parts(batch, &parts);
    if (count == 0)
        return;
    struct span *places = arena_alloc(&batch->arena, count * sizeof(*places));
    offsets_raise_all(&index->record_ends, record_ends);
    for (uint32_t i = 0; i < count; i++)
        places[i] = index_place(index, index->replay ? index->replay->partition : parts[i].partition, &batch->arena);
    struct span ends = offsets_text(&index->record_ends, &batch->arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_word(&pipeline, SPAN("MULTI"));
    if (index->replay)
        index_replay_write_mark(index, &pipeline, places[0], ends);
    for (uint32_t i = 0; i < count && !index->replay; i++) {
        offsets_raise(&index->committed, parts[i].partition, parts[i].next);
        struct checkpoint checkpoint = {parts[i].next, offsets_get(&index->committed, parts[i].partition), nonce};
        index_write_checkpoint(&pipeline, places[i], &checkpoint, ends);
    }
    index_write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? index_executed(index, &pipeline, count) : NULL;
    if (!executed && pipeline.failed)
        index_fail(index, "sending failed");
    else if (!executed && index->connection)
        index_invalidate(index, "the epoch or an owner changed during a commit");
    freeReplyObject(executed);
    arena_reset(&batch->arena, mark);
}

bool index_own(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch)
{
    size_t mark = scratch->used;
    struct span *places = arena_alloc(scratch, (size_t)count * sizeof(*places));
    for (int32_t i = 0; i < count; i++)
        places[i] = index_place(index, partitions[i], scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    for (int32_t i = 0; i < count; i++) {
        pipeline_command(&pipeline, 3);
        pipeline_parts(&pipeline, SPAN("SET"));
        pipeline_parts(&pipeline, OWNER_KEY(places[i]));
        pipeline_parts(&pipeline, span_of(index->owner, sizeof(index->owner)));
    }
    bool ok = index_carry_out(index, &pipeline);
    arena_reset(scratch, mark);
    return ok;
}
