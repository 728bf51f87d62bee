#include "worker/index/store_audit.h"

#include <assert.h>

#include "worker/index/store_parts.h"

void survey_free(struct survey *survey)
{
    offsets_free(&survey->definition_ends);
    offsets_free(&survey->record_ends);
    offsets_free(&survey->committed);
    offsets_free(&survey->checkpoints);
}

void audit_gap_free(struct audit_gap *gap)
{
    offsets_free(&gap->records);
    offsets_free(&gap->definitions);
    offsets_free(&gap->ahead);
    *gap = (struct audit_gap){0};
}

enum { MARK_EPOCH, MARK_DEFINITIONS, MARK_CHECKPOINTS };

static void write_audit(struct redis_pipeline *pipeline, const struct span *places, int32_t count)
{
    pipeline_command(pipeline, (unsigned)(1 + MARK_CHECKPOINTS + count));
    pipeline_parts(pipeline, SPAN("MGET"));
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
    pipeline_parts(pipeline, SPAN(DEFINITIONS_READ_KEY));
    for (int32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, CHECKPOINT_KEY(places[i]));
    write_life(pipeline);
}

/* New, or NULL after store_fail: the marks, the checkpoints being those of the partitions 0 to `count` - 1. */
static redisReply *ask(struct store *store, int32_t count, struct arena *scratch)
{
    char why[WHY_SIZE];
    size_t mark = scratch->used;
    struct span *places = arena_alloc(scratch, (size_t)count * sizeof(*places));
    for (int32_t i = 0; i < count; i++)
        places[i] = store_place(store, i, scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, scratch);
    write_audit(&pipeline, places, count);
    bool fine = pipeline_send(&pipeline) || store_fail(store, "sending failed");
    redisReply *marks = fine ? store_answer(store, &pipeline, REDIS_REPLY_ARRAY) : NULL;
    fine = marks && (marks->elements == (size_t)count + MARK_CHECKPOINTS ||
                     store_fail(store, "an unexpected number of answers"));
    redisReply *life = fine ? pipeline_answer(&pipeline, why, sizeof(why)) : NULL;
    fine = fine && (life || !store->connection->err || store_fail(store, why));
    if (fine)
        store_read_life(life, store->life);
    freeReplyObject(life);
    arena_reset(scratch, mark);
    if (fine)
        return marks;
    freeReplyObject(marks);
    return NULL;
}

/* One more that is behind since these offsets; the first says where it begins. */
static void gap_widen(bool *behind, struct offsets *from, struct offsets *since)
{
    if (*behind) {
        offsets_lower_all(from, since);
    } else {
        *from = *since;
        *since = (struct offsets){0};
    }
    *behind = true;
}

/* The first survey cannot tell it from a worker that has committed since. */
static bool is_ahead(int64_t next, int32_t partition, const struct survey *survey)
{
    int64_t committed = survey->committed.at[partition];
    bool is_first = survey->checkpoints.count == 0;
    return next > 0 && next > committed && (is_first || offsets_get(&survey->checkpoints, partition) > committed);
}

/* One partition's checkpoint. One that is missing is behind from the beginning on. */
static void judge_checkpoint(struct store *store, const redisReply *reply, int32_t partition,
                             const struct survey *survey, struct audit_gap *gap)
{
    int64_t committed = survey->committed.at[partition];
    struct span text;
    struct offsets record_ends = {0};
    struct checkpoint checkpoint = {OFFSET_NONE, OFFSET_NONE};
    if (store_reply_span(reply, &text) && text.at && !checkpoint_parse(text, &checkpoint, &record_ends))
        checkpoint = (struct checkpoint){OFFSET_NONE, OFFSET_NONE};
    offsets_raise(&store->committed, partition, committed);
    offsets_raise(&store->committed, partition, checkpoint.highest);
    bool ahead = is_ahead(checkpoint.next, partition, survey);
    if (ahead)
        offsets_set(&gap->ahead, partition, checkpoint.next);
    if (ahead || (committed > 0 && checkpoint.next < committed))
        gap_widen(&gap->records_behind, &gap->records, &record_ends);
    offsets_free(&record_ends);
}

/* Whether what was put into the definitions topic has come to Redis. */
static void judge_definitions(const redisReply *reply, const struct offsets *ends, struct audit_gap *gap)
{
    struct span text;
    struct offsets read = {0};
    bool behind = false;
    if (store_reply_span(reply, &text) && text.at && !offsets_parse(text, &read))
        read = (struct offsets){0};
    for (int32_t i = 0; i < ends->count; i++)
        behind = behind || (ends->at[i] > 0 && offsets_get(&read, i) < ends->at[i]);
    if (behind)
        gap_widen(&gap->definitions_behind, &gap->definitions, &read);
    offsets_free(&read);
}

enum audit_result store_audit(struct store *store, const struct survey *survey, struct arena *scratch,
                              struct audit_gap *gap)
{
    audit_gap_free(gap);
    redisReply *marks = store->connection ? ask(store, survey->committed.count, scratch) : NULL;
    if (!marks)
        return AUDIT_FAILED;
    redis_epoch_adopt(&store->epoch, marks->element[MARK_EPOCH]);
    judge_definitions(marks->element[MARK_DEFINITIONS], &survey->definition_ends, gap);
    for (int32_t i = 0; i < survey->committed.count; i++)
        judge_checkpoint(store, marks->element[MARK_CHECKPOINTS + i], i, survey, gap);
    freeReplyObject(marks);
    if (!store->epoch.known)
        return AUDIT_LOST;
    if (gap->ahead.count > 0 && survey->checkpoints.count == 0)
        return AUDIT_AHEAD;
    if (gap->records_behind || gap->definitions_behind)
        return AUDIT_BEHIND;
    /* Those that are beyond the present ends belong to a topic that was made anew. */
    offsets_free(&store->record_ends);
    offsets_raise_all(&store->record_ends, &survey->record_ends);
    return AUDIT_FINE;
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
    assert(partitions <= 64);
    if (!store->connection || !redis_epoch_random(mark) || arena_open(&scratch, 1 << 20) != 0)
        return false;
    for (int32_t i = 0; i < partitions; i++)
        numbers[i] = i;
    freeReplyObject(redisCommand(store->connection, "SET " EPOCH_KEY " %b NX", mark, sizeof(mark)));
    redisReply *reply = store->connection->err ? NULL : redisCommand(store->connection, "GET " EPOCH_KEY);
    if (reply)
        redis_epoch_adopt(&store->epoch, reply);
    freeReplyObject(reply);
    redisReply *life = store->connection->err ? NULL : redisCommand(store->connection, "INFO replication");
    store_read_life(life, store->life);
    freeReplyObject(life);
    bool taken = reply && store_take(store, numbers, partitions, &scratch);
    arena_close(&scratch);
    return taken;
}
