/* Checkpoints and owners: what the index leaves in Redis for the next audit and the next owner. */
#include <stdlib.h>

#include "common/clock.h"
#include "worker/index/index_internal.h"

/* ---- what is known ---- */

void index_know_checkpoint(struct index *index, int32_t partition, const struct checkpoint *checkpoint)
{
    struct known_checkpoints *known = &index->known;
    if (partition >= known->count) {
        int32_t count = partition + 16;
        struct checkpoint *grown = realloc(known->at, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        known->at = grown;
        while (known->count < count)
            known->at[known->count++] = CHECKPOINT_NONE;
    }
    known->at[partition] = *checkpoint;
}

struct checkpoint index_known_checkpoint(const struct index *index, int32_t partition)
{
    return partition < index->known.count ? index->known.at[partition] : CHECKPOINT_NONE;
}

void index_forget_checkpoints(struct index *index)
{
    free(index->known.at);
    index->known = (struct known_checkpoints){.last = -1};
}

bool index_look_at_checkpoints(struct index *index, int32_t count, struct arena *scratch)
{
    size_t mark = scratch->used;
    struct span *places = arena_alloc(scratch, (size_t)count * sizeof(*places));
    for (int32_t i = 0; i < count; i++)
        places[i] = index_place(index, i, scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    for (int32_t i = 0; i < count; i++)
        pipeline_read_parts(&pipeline, CHECKPOINT_HEAD_BYTES, CHECKPOINT_KEY(places[i]));
    bool ok = pipeline_send(&pipeline) || index_fail(index, "sending failed");
    index_forget_checkpoints(index);
    for (int32_t i = 0; i < count && ok; i++) {
        struct span value;
        ok = index_read(index, &pipeline, scratch, &value);
        struct checkpoint found = ok ? checkpoint_head(value) : CHECKPOINT_NONE;
        index_know_checkpoint(index, i, &found);
    }
    arena_reset(scratch, mark);
    return ok;
}

/* ---- writing ---- */

void index_write_checkpoint_at(struct redis_pipeline *pipeline, const struct span *key, size_t parts,
                               const struct checkpoint *checkpoint, struct span record_ends)
{
    char head[CHECKPOINT_HEAD_BYTES];
    const struct span before = checkpoint_write_head(checkpoint, head);
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_argument(pipeline, key, parts);
    pipeline_parts(pipeline, before, record_ends);
}

void index_write_checkpoint(struct redis_pipeline *pipeline, struct span place, const struct checkpoint *checkpoint,
                            struct span record_ends)
{
    index_write_checkpoint_at(pipeline, (const struct span[]){CHECKPOINT_KEY(place)}, 2, checkpoint, record_ends);
}

bool index_is_of_other_log(const struct config *config, const struct offsets *known, const struct offsets *ends)
{
    for (int32_t i = 0; i < ends->count; i++) {
        const int64_t before = offsets_get(known, i), end = ends->at[i];
        if (end == OFFSET_NONE || end > before || config->delivery.mode != DELIVERY_EXACTLY_ONCE)
            continue;
        log_warning("record topic replaced; Redis is rebuilt from its beginning",
                    LOG_TEXT("topic", config->records.topic), LOG_INTEGER("partition", i),
                    LOG_INTEGER("offset", before), LOG_INTEGER("end", end));
        return true;
    }
    return false;
}

/* The WATCH of index_confirm is still active: Redis accepts the checkpoint only if the partitions are still ours. */
void index_checkpoint(struct index *index, struct batch *batch, const struct offsets *record_ends, int64_t nonce)
{
    if (index->shards) {
        shards_checkpoint(index->shards, batch, record_ends, nonce);
        return;
    }
    if (!index->verified || !index->connection)
        return;
    /* Nothing was sent for a batch without commands of ours: the ends are those of the transaction before. */
    if (batch_has_ours(batch) && index_is_of_other_log(index->config, &index->record_ends, record_ends)) {
        index_distrust(index);
        return;
    }
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
    struct checkpoint *written = arena_alloc(&batch->arena, count * sizeof(*written));
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_word(&pipeline, SPAN("MULTI"));
    if (index->replay) {
        written[0] = index_replay_mark(index);
        index_replay_write_mark(index, &pipeline, places[0], ends);
    }
    for (uint32_t i = 0; i < count && !index->replay; i++) {
        offsets_raise(&index->committed, parts[i].partition, parts[i].next);
        offsets_raise(&index->settled, parts[i].partition, parts[i].next);
        own_claims_commit(&index->own, parts[i].partition, parts[i].next);
        written[i] = (struct checkpoint){parts[i].next, offsets_get(&index->committed, parts[i].partition),
                                         nonce > 0 ? nonce : OFFSET_NONE, clock_wall_ms()};
        index_write_checkpoint(&pipeline, places[i], &written[i], ends);
    }
    index_write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? index_executed(index, &pipeline, count) : NULL;
    if (!executed && pipeline.failed)
        index_fail(index, "sending failed");
    else if (!executed && index->connection)
        index_invalidate(index, "the epoch, an owner or a checkpoint changed during a commit");
    for (uint32_t i = 0; i < count && executed; i++) {
        index->known.last = index->replay ? index->replay->partition : parts[i].partition;
        index_know_checkpoint(index, index->known.last, &written[i]);
    }
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
