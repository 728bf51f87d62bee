#include "worker/index/index_rebuild_internal.h"

#define LOST "Redis lost data again, or another worker took over"

/* The highest offset that is known to have been committed, for a checkpoint. */
static int64_t highest_of(const struct rebuild *rebuild, int32_t partition)
{
    struct index *index = rebuild->index;
    offsets_raise(&index->committed, partition, rebuild->committed.at[partition]);
    offsets_raise(&index->committed, partition, offsets_get(&rebuild->restore.highest, partition));
    return offsets_get(&index->committed, partition);
}

/* Ends the transaction. False after index_fail, or if a watched key has changed. */
static bool execute(struct rebuild *rebuild, struct redis_pipeline *pipeline, size_t count)
{
    index_write_word(pipeline, SPAN("EXEC"));
    bool sent = pipeline_send(pipeline) || index_fail(rebuild->index, "sending failed");
    redisReply *executed = sent ? index_executed(rebuild->index, pipeline, count) : NULL;
    freeReplyObject(executed);
    return executed != NULL;
}

bool rebuild_end_whole(struct rebuild *rebuild)
{
    struct arena *scratch = rebuild->scratch;
    const struct offsets *committed = &rebuild->committed;
    char epoch[EPOCH_LENGTH];
    if (!redis_epoch_random(epoch) || !rebuild_lock_watch(&rebuild->lock, scratch))
        return rebuild_fail(rebuild, LOST);
    struct span *places = arena_alloc(scratch, (size_t)committed->count * sizeof(*places));
    for (int32_t i = 0; i < committed->count; i++)
        places[i] = index_place(rebuild->index, i, scratch);
    struct span ends = offsets_text(&rebuild->record_ends, scratch),
                read = offsets_text(&rebuild->definitions, scratch);
    size_t count = committed->count > 0 ? 5 : 4;
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, rebuild->index->connection, scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    for (int32_t i = 0; i < committed->count; i++) {
        int64_t highest = highest_of(rebuild, i), next = committed->at[i] == OFFSET_NONE ? 0 : committed->at[i];
        if (highest == OFFSET_NONE)
            continue;
        index_write_checkpoint(
            &pipeline, places[i],
            &(struct checkpoint){next, highest, offsets_get(&rebuild->nonces, i), rebuild->began_wall_ms}, ends);
        count++;
    }
    if (committed->count > 0)
        index_write_no_claimed(&pipeline, places, committed->count);
    index_write_set(&pipeline, SPAN(DEFINITIONS_READ_KEY), read);
    index_write_set(&pipeline, SPAN(RECORD_TOPIC_KEY), span_of_text(rebuild->index->config->records.topic));
    index_write_set(&pipeline, SPAN(EPOCH_KEY), span_of(epoch, sizeof(epoch)));
    index_write_unlock(&pipeline);
    bool ok = execute(rebuild, &pipeline, count);
    rebuild->lock.held = false;
    return ok || rebuild_fail(rebuild, LOST);
}

/* ---- after a part ---- */

/* Watches the lock, the epoch and a key, and reads that key; the epoch must be the one that the audit found. */
static bool watch_get(struct rebuild *rebuild, struct span key, struct span *value)
{
    struct index *index = rebuild->index;
    struct redis_pipeline pipeline;
    if (!rebuild_lock_watch(&rebuild->lock, rebuild->scratch))
        return false;
    pipeline_open(&pipeline, index->connection, rebuild->scratch);
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, SPAN(EPOCH_KEY));
    pipeline_parts(&pipeline, key);
    redis_epoch_ask(&pipeline);
    pipeline_read_parts(&pipeline, OFFSETS_BYTES, key);
    char error[ERROR_TEXT_BYTES];
    enum epoch_finding finding;
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    if (!index_answer_status(index, &pipeline))
        return false;
    if (!redis_epoch_answer(&index->epoch, &pipeline, &finding, error, sizeof(error)))
        return index_fail(index, error);
    return index_read(index, &pipeline, rebuild->scratch, value) && finding == EPOCH_SAME;
}

/* The new checkpoint. One that the audit found ahead of the group, and that has not changed since, is lowered to the
 * group's offset. The highest offset that was ever committed stays. */
static struct checkpoint settled(const struct rebuild *rebuild, int32_t partition, const struct checkpoint *before)
{
    int64_t next = rebuild->committed.at[partition] == OFFSET_NONE ? 0 : rebuild->committed.at[partition];
    int64_t highest = highest_of(rebuild, partition);
    bool ahead = before->next > 0 && before->next == offsets_get(&rebuild->gap->ahead, partition);
    bool is_groups = ahead || next >= before->next;
    return (struct checkpoint){is_groups ? next : before->next, highest > before->highest ? highest : before->highest,
                               is_groups ? offsets_get(&rebuild->gap->nonces, partition) : before->nonce,
                               rebuild->began_wall_ms};
}

/* What was claimed before a checkpoint is committed, so once the checkpoint is lowered nothing else would tell it from
 * claims that are made from now on (index_unsure.c). Watches the claims, too. *all: none is behind the checkpoint.
 * False after index_fail. */
static bool are_claims_committed(struct rebuild *rebuild, struct span place, const struct checkpoint *before, bool *all)
{
    struct index *index = rebuild->index;
    redisReply *watching = index_ask(index, "WATCH " CLAIMED_KEY_BEFORE "%b", place.at, place.length);
    redisReply *found = watching ? index_ask(index, "GETRANGE " CLAIMED_KEY_BEFORE "%b 0 %d", place.at, place.length,
                                             (int)CLAIMED_BYTES)
                                 : NULL;
    const int64_t claimed = found ? index_read_claimed(found) : OFFSET_NONE;
    *all = claimed > 0 && claimed <= before->next;
    freeReplyObject(watching);
    freeReplyObject(found);
    return found != NULL;
}

/* If another worker writes the checkpoint meanwhile, its value is later than ours, and nothing is left to do. */
static bool settle_checkpoint(struct rebuild *rebuild, int32_t partition)
{
    struct span value = SPAN_NONE, place = index_place(rebuild->index, partition, rebuild->scratch);
    struct span key = arena_format(rebuild->scratch, CHECKPOINT_KEY_BEFORE "%.*s", SPAN_FORMAT(place));
    struct offsets ends = {0};
    struct checkpoint before = CHECKPOINT_NONE;
    if (!watch_get(rebuild, key, &value))
        return false;
    if (value.at && !checkpoint_parse(value, &before, &ends)) {
        before = CHECKPOINT_NONE;
        offsets_free(&ends);
    }
    struct checkpoint after = settled(rebuild, partition, &before);
    if (after.highest <= 0 ||
        (after.next == before.next && after.highest == before.highest && after.nonce == before.nonce)) {
        offsets_free(&ends);
        return true;
    }
    bool forgets = false;
    offsets_raise_all(&ends, &rebuild->record_ends);
    struct span text = offsets_text(&ends, rebuild->scratch);
    offsets_free(&ends);
    if (after.next < before.next && !are_claims_committed(rebuild, place, &before, &forgets))
        return false;
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, rebuild->index->connection, rebuild->scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    index_write_checkpoint(&pipeline, place, &after, text);
    if (forgets)
        index_write_no_claimed(&pipeline, &place, 1);
    rebuild_lock_write_renewal(&pipeline);
    return execute(rebuild, &pipeline, forgets ? 3 : 2) || rebuild->index->connection;
}

static bool write_definitions_read(struct rebuild *rebuild)
{
    struct span value, read = offsets_text(&rebuild->definitions, rebuild->scratch);
    struct redis_pipeline pipeline;
    if (!watch_get(rebuild, SPAN(DEFINITIONS_READ_KEY), &value))
        return false;
    pipeline_open(&pipeline, rebuild->index->connection, rebuild->scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    index_write_set(&pipeline, SPAN(DEFINITIONS_READ_KEY), read);
    return execute(rebuild, &pipeline, 1);
}

bool rebuild_end_part(struct rebuild *rebuild)
{
    size_t mark = rebuild->scratch->used;
    for (int32_t i = 0; i < rebuild->committed.count && rebuild->gap->records_behind; i++) {
        bool ok = settle_checkpoint(rebuild, i);
        arena_reset(rebuild->scratch, mark);
        if (!ok)
            return rebuild_fail(rebuild, LOST);
    }
    return !rebuild->gap->definitions_behind || write_definitions_read(rebuild) || rebuild_fail(rebuild, LOST);
}
