#include "worker/index/index_replay.h"

#include <assert.h>

#include "common/clock.h"
#include "worker/index/index_audit.h"
#include "worker/index/index_internal.h"

void index_set_replay(struct index *index, const struct index_replay *replay)
{
    index->replay = replay;
    memcpy(index->owner, replay->token, sizeof(index->owner));
}

void index_replay_void(struct index *index)
{
    assert(index->replay);
    memcpy(index->owner, index->replay->token, sizeof(index->owner));
    index_invalidate(index, "the lock of the replay was taken again");
}

struct span index_replay_lock(const struct index *index, struct arena *arena)
{
    return arena_format(arena, REPLAY_LOCK_KEY_BEFORE "%s", index->config->commands.topic);
}

struct span index_replay_mark_key(const struct index *index, struct arena *arena)
{
    const struct index_replay *replay = index->replay;
    struct span place = index_place(index, replay->partition, arena);
    return arena_format(arena, REPLAY_MARK_KEY_BEFORE "%s:%.*s", replay->name, SPAN_FORMAT(place));
}

/* ---- the daemon's fence ---- */

bool index_replay_fence(struct index *index, int32_t partition, struct arena *scratch)
{
    return index->connection && index_own(index, &partition, 1, scratch);
}

bool index_replay_holds(struct index *index, int32_t partition, struct arena *scratch, bool *held)
{
    const size_t mark = scratch->used;
    const struct span place = index_place(index, partition, scratch);
    redisReply *owner =
        index_ask(index, "GETRANGE " OWNER_KEY_BEFORE "%b 0 %d", place.at, place.length, (int)EPOCH_LENGTH);
    *held = owner && index_is_our_name(index, owner);
    freeReplyObject(owner);
    arena_reset(scratch, mark);
    return owner != NULL;
}

/* Watches and reads one owner key. *held becomes false if it does not hold our name. */
static bool watch_owner(struct index *index, struct span line, struct arena *arena, bool *held)
{
    struct stored_client stored;
    int64_t partition, offset;
    char error[ERROR_TEXT_BYTES];
    if (!stored_client_parse(line, &stored) ||
        !source_parse(stored.source, span_of_text(index->config->commands.topic), &partition, &offset)) {
        *held = false;
        return true;
    }
    struct span place = index_place(index, (int32_t)partition, arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, arena);
    pipeline_command(&pipeline, 2);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, OWNER_KEY(place));
    pipeline_read_parts(&pipeline, EPOCH_LENGTH, OWNER_KEY(place));
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    if (!index_answer_status(index, &pipeline))
        return false;
    redisReply *owner = pipeline_answer(&pipeline, error, sizeof(error));
    if (!owner)
        return index_fail(index, error);
    *held = *held && index_is_our_name(index, owner);
    freeReplyObject(owner);
    return true;
}

bool index_replay_watch(struct index *index, const struct claim_finding *finding, struct arena *arena, bool *held)
{
    *held = true;
    if (finding->stored_standing == CLAIM_FENCED && !watch_owner(index, finding->stored, arena, held))
        return false;
    return finding->owner_standing != CLAIM_FENCED || watch_owner(index, finding->owner_line, arena, held);
}

/* ---- marks ---- */

struct checkpoint index_replay_mark(const struct index *index)
{
    const struct index_replay *replay = index->replay;
    int64_t next = offsets_get(&replay->positions, replay->partition);
    return (struct checkpoint){next, next, offsets_get(&replay->nonces, replay->partition), clock_wall_ms()};
}

void index_replay_write_mark(const struct index *index, struct redis_pipeline *pipeline, struct span place,
                             struct span record_ends)
{
    const struct index_replay *replay = index->replay;
    struct checkpoint mark = index_replay_mark(index);
    index_write_checkpoint_at(pipeline, (const struct span[]){REPLAY_MARK_KEY(span_of_text(replay->name), place)}, 4,
                              &mark, record_ends);
}

/* True for each partition with a batch of ours that is committed. */
static bool has_mark(const struct index_replay *replay, int32_t partition)
{
    return offsets_get(&replay->nonces, partition) != OFFSET_NONE;
}

void index_replay_renew(struct index *index, const struct offsets *record_ends, int64_t read_ms, struct arena *scratch)
{
    const struct index_replay *replay = index->replay;
    size_t mark = scratch->used;
    if (!index->connection)
        return;
    struct span *places = arena_alloc(scratch, (size_t)replay->nonces.count * sizeof(*places));
    for (int32_t i = 0; i < replay->nonces.count; i++)
        places[i] = index_place(index, i, scratch);
    struct span ends = offsets_text(record_ends, scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    for (int32_t i = 0; i < replay->nonces.count; i++) {
        int64_t next = offsets_get(&replay->positions, i);
        if (!has_mark(replay, i))
            continue;
        index_write_checkpoint_at(&pipeline,
                                  (const struct span[]){REPLAY_MARK_KEY(span_of_text(replay->name), places[i])}, 4,
                                  &(struct checkpoint){next, next, offsets_get(&replay->nonces, i), read_ms}, ends);
    }
    if (pipeline.count > 0 && !index_carry_out(index, &pipeline))
        log_debug("the marks of the replay are not written; the next audit finds them behind");
    arena_reset(scratch, mark);
}

static void compare_mark(struct index *index, const redisReply *reply, int32_t partition, struct audit_gap *gap)
{
    const struct index_replay *replay = index->replay;
    struct span text;
    struct offsets record_ends = {0};
    struct checkpoint mark = CHECKPOINT_NONE;
    if (index_reply_span(reply, &text) && text.at && !checkpoint_parse(text, &mark, &record_ends))
        mark = CHECKPOINT_NONE;
    struct checkpoint head = checkpoint_head(text);
    index_know_checkpoint(index, partition, &head);
    if (has_mark(replay, partition) && mark.nonce != offsets_get(&replay->nonces, partition))
        index_widen_records(gap, &mark, &record_ends);
    offsets_free(&record_ends);
}

bool index_replay_compare(struct index *index, struct arena *scratch, struct audit_gap *gap)
{
    const struct index_replay *replay = index->replay;
    char error[ERROR_TEXT_BYTES];
    size_t mark = scratch->used;
    struct span *places = arena_alloc(scratch, (size_t)replay->nonces.count * sizeof(*places));
    for (int32_t i = 0; i < replay->nonces.count; i++)
        places[i] = index_place(index, i, scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    for (int32_t i = 0; i < replay->nonces.count; i++)
        pipeline_read_parts(&pipeline, OFFSETS_BYTES, REPLAY_MARK_KEY(span_of_text(replay->name), places[i]));
    bool ok = pipeline.count == 0 || pipeline_send(&pipeline) || index_fail(index, "sending failed");
    for (int32_t i = 0; i < replay->nonces.count && ok; i++) {
        redisReply *reply = pipeline_answer(&pipeline, error, sizeof(error));
        ok = reply || index_fail(index, error);
        if (reply)
            compare_mark(index, reply, i, gap);
        freeReplyObject(reply);
    }
    arena_reset(scratch, mark);
    return ok;
}

/* ---- later claims ---- */

/* Watches the epoch and a checkpoint, and reads both. *same: the epoch is the one that the audit found. */
static bool watch_checkpoint(struct index *index, struct span place, struct arena *scratch, struct span *value,
                             bool *same)
{
    struct redis_pipeline pipeline;
    char error[ERROR_TEXT_BYTES];
    enum epoch_finding finding;
    pipeline_open(&pipeline, index->connection, scratch);
    index_write_word(&pipeline, SPAN("UNWATCH"));
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, SPAN(EPOCH_KEY));
    pipeline_parts(&pipeline, CHECKPOINT_KEY(place));
    redis_epoch_ask(&pipeline);
    pipeline_read_parts(&pipeline, OFFSETS_BYTES, CHECKPOINT_KEY(place));
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    for (int i = 0; i < 2; i++)
        if (!index_answer_status(index, &pipeline))
            return false;
    if (!redis_epoch_answer(&index->epoch, &pipeline, &finding, error, sizeof(error)))
        return index_fail(index, error);
    *same = finding == EPOCH_SAME;
    return index_read(index, &pipeline, scratch, value);
}

/* Raises one checkpoint, and takes the fence in the same transaction. */
static bool raise_highest(struct index *index, int32_t partition, int64_t highest, struct arena *scratch)
{
    struct span value = SPAN_NONE, place = index_place(index, partition, scratch);
    struct checkpoint checkpoint = CHECKPOINT_NONE;
    struct offsets ends = {0};
    bool same = false;
    if (!watch_checkpoint(index, place, scratch, &value, &same))
        return false;
    if (!same)
        return index_invalidate(index, "the epoch is missing or different");
    if (!value.at || !checkpoint_parse(value, &checkpoint, &ends)) {
        checkpoint = (struct checkpoint){0, 0, OFFSET_NONE, OFFSET_NONE};
        offsets_free(&ends);
        offsets_raise_all(&ends, &index->record_ends);
    }
    if (checkpoint.highest < highest)
        checkpoint.highest = highest;
    struct span text = offsets_text(&ends, scratch);
    offsets_free(&ends);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    index_write_checkpoint(&pipeline, place, &checkpoint, text);
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("SET"));
    pipeline_parts(&pipeline, OWNER_KEY(place));
    pipeline_parts(&pipeline, span_of(index->owner, sizeof(index->owner)));
    index_write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? index_executed(index, &pipeline, 2) : NULL;
    if (!executed && pipeline.failed)
        index_fail(index, "sending failed");
    freeReplyObject(executed);
    if (executed)
        offsets_raise(&index->committed, partition, highest);
    return executed != NULL;
}

bool index_replay_raise(struct index *index, struct arena *scratch)
{
    const struct offsets *ends = &index->replay->ends;
    bool ok = true;
    size_t mark = scratch->used;
    for (int32_t i = 0; i < ends->count && ok; i++) {
        if (offsets_get(ends, i) > offsets_get(&index->committed, i) && offsets_get(ends, i) > 0)
            ok = raise_highest(index, i, offsets_get(ends, i), scratch);
        arena_reset(scratch, mark);
    }
    return ok;
}
