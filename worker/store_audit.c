#include "worker/store_audit.h"

#include "worker/store_parts.h"

static void write_audit(struct redis_pipeline *pipeline, const struct span *places, int32_t count)
{
    pipeline_command(pipeline, (unsigned)(2 + count));
    pipeline_parts(pipeline, SPAN("MGET"));
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
    for (int32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, CHECKPOINT_KEY(places[i]));
}

/* New, or NULL after store_fail: the epoch, then the checkpoints of the partitions 0 to `count` - 1. */
static redisReply *ask(struct store *store, int32_t count, struct arena *scratch)
{
    size_t mark = scratch->used;
    struct span *places = arena_alloc(scratch, (size_t)count * sizeof(*places));
    for (int32_t i = 0; i < count; i++)
        places[i] = store_place(store, i, scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, scratch);
    write_audit(&pipeline, places, count);
    bool sent = pipeline_send(&pipeline) || store_fail(store, "sending failed");
    redisReply *marks = sent ? store_answer(store, &pipeline, REDIS_REPLY_ARRAY) : NULL;
    if (marks && marks->elements != (size_t)count + 1) {
        freeReplyObject(marks);
        marks = NULL;
        store_fail(store, "an unexpected number of answers");
    }
    arena_reset(scratch, mark);
    return marks;
}

/* What one partition's checkpoint says of `committed`. With AUDIT_BEHIND *from is lowered to its offsets. */
static enum audit_result judge(const redisReply *reply, int64_t committed, bool first, struct offsets *from)
{
    struct span text;
    struct offsets record_ends = {0};
    int64_t next;
    if (committed <= 0)
        return AUDIT_FINE;
    if (!store_reply_span(reply, &text) || !text.at || !checkpoint_parse(text, &next, &record_ends))
        return AUDIT_LOST;
    bool behind = next < committed;
    if (behind && first) {
        *from = record_ends;
        record_ends = (struct offsets){0};
    } else if (behind) {
        offsets_lower_all(from, &record_ends);
    }
    offsets_free(&record_ends);
    return behind ? AUDIT_BEHIND : AUDIT_FINE;
}

enum audit_result store_audit(struct store *store, const struct offsets *committed, const struct offsets *record_ends,
                              struct arena *scratch, struct offsets *from)
{
    offsets_free(from);
    if (!store->connection)
        return AUDIT_FAILED;
    redisReply *marks = ask(store, committed->count, scratch);
    if (!marks)
        return AUDIT_FAILED;
    redis_epoch_adopt(&store->epoch, marks->element[0]);
    enum audit_result result = store->epoch.known ? AUDIT_FINE : AUDIT_LOST;
    for (int32_t i = 0; i < committed->count && result != AUDIT_LOST; i++) {
        enum audit_result one = judge(marks->element[1 + i], committed->at[i], result == AUDIT_FINE, from);
        if (one != AUDIT_FINE)
            result = one;
    }
    if (result == AUDIT_FINE)
        offsets_raise_all(&store->record_ends, record_ends);
    freeReplyObject(marks);
    return result;
}

bool store_take(struct store *store, const int32_t *partitions, int32_t count, struct arena *scratch)
{
    if (!store->connection || !store->epoch.known || !store_own(store, partitions, count, scratch))
        return false;
    store->sound = true;
    store->audits++;
    log_fault_end(&store->unsound);
    return true;
}

bool store_trust(struct store *store, int32_t partitions)
{
    char mark[EPOCH_LENGTH];
    int32_t numbers[64];
    struct arena scratch;
    if (!store->connection || !redis_epoch_random(mark) || arena_open(&scratch, 1 << 20) != 0)
        return false;
    for (int32_t i = 0; i < partitions && i < 64; i++)
        numbers[i] = i;
    freeReplyObject(redisCommand(store->connection, "SET " EPOCH_KEY " %b NX", mark, sizeof(mark)));
    redisReply *reply = store->connection->err ? NULL : redisCommand(store->connection, "GET " EPOCH_KEY);
    if (reply)
        redis_epoch_adopt(&store->epoch, reply);
    freeReplyObject(reply);
    bool taken = reply && store_take(store, numbers, partitions, &scratch);
    arena_close(&scratch);
    return taken;
}
