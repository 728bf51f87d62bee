/* The fence: nothing is claimed, and nothing committed, on marks that are not as we left them. */
#include "worker/index/index_internal.h"

struct span index_place(const struct index *index, int32_t partition, struct arena *arena)
{
    return arena_format(arena, "%s/%d", index->config->commands.topic, (int)partition);
}

static void write_keys(struct redis_pipeline *pipeline, struct span word, const struct span *places, uint32_t count)
{
    pipeline_command(pipeline, 2 + count);
    pipeline_parts(pipeline, word);
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
    for (uint32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, OWNER_KEY(places[i]));
}

static bool is_ours(const struct index *index, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == sizeof(index->owner) &&
           memcmp(reply->str, index->owner, sizeof(index->owner)) == 0;
}

static bool marks_are_ours(struct index *index, const redisReply *marks, uint32_t count)
{
    if (marks->elements != 1 + count)
        return index_fail(index, "an unexpected number of answers");
    if (redis_epoch_compare(&index->epoch, marks->element[0]) != EPOCH_SAME)
        return index_invalidate(index, "the epoch is not there, or another one");
    for (uint32_t i = 0; i < count; i++)
        if (!is_ours(index, marks->element[1 + i]))
            return index_invalidate(index, "a partition has another owner");
    return true;
}

void index_write_ask_replication(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("INFO"));
    pipeline_parts(pipeline, SPAN("replication"));
}

void index_read_replication_id(const redisReply *reply, char replication_id[REPLICATION_ID_LENGTH])
{
    static const char name[] = "master_replid:";
    const char *found = reply && reply->type == REDIS_REPLY_STRING ? strstr(reply->str, name) : NULL;
    memset(replication_id, 0, REPLICATION_ID_LENGTH);
    if (found && strlen(found) > strlen(name) + REPLICATION_ID_LENGTH)
        memcpy(replication_id, found + strlen(name), REPLICATION_ID_LENGTH);
}

bool index_same_life(struct index *index, struct redis_pipeline *pipeline)
{
    char why[WHY_SIZE], replication_id[REPLICATION_ID_LENGTH];
    redisReply *reply = pipeline_answer(pipeline, why, sizeof(why));
    if (!reply && index->connection->err)
        return index_fail(index, why);
    index_read_replication_id(reply, replication_id);
    freeReplyObject(reply);
    return memcmp(replication_id, index->replication_id, REPLICATION_ID_LENGTH) == 0 ||
           index_invalidate(index, "the server became a master anew, or is none");
}

/* A write that does nothing: a server that may not write any more, since it is no master or has too few replicas, would
 * go on to answer what it knows, and others may have claimed on the new master since. */
static void write_nothing(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_parts(pipeline, SPAN(NOTHING_KEY));
}

/* `writes`: only on a server that takes writes. */
static bool fence(struct index *index, struct batch *batch, bool writes)
{
    size_t mark = batch->arena.used;
    struct batch_part *parts;
    uint32_t count = batch_parts(batch, &parts);
    struct span *places = arena_alloc(&batch->arena, count * sizeof(*places));
    for (uint32_t i = 0; i < count; i++)
        places[i] = index_place(index, parts[i].partition, &batch->arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_word(&pipeline, SPAN("UNWATCH"));
    write_keys(&pipeline, SPAN("WATCH"), places, count);
    write_keys(&pipeline, SPAN("MGET"), places, count);
    index_write_ask_replication(&pipeline);
    if (writes)
        write_nothing(&pipeline);
    bool ok = pipeline_send(&pipeline) || index_fail(index, "sending failed");
    for (int i = 0; i < 2 && ok; i++) {
        redisReply *reply = index_answer(index, &pipeline, REDIS_REPLY_STATUS);
        ok = reply != NULL;
        freeReplyObject(reply);
    }
    /* All answers are read, whatever the first ones say. */
    redisReply *marks = ok ? index_answer(index, &pipeline, REDIS_REPLY_ARRAY) : NULL;
    ok = marks && index_same_life(index, &pipeline);
    redisReply *nothing =
        writes && marks && index->connection ? index_answer(index, &pipeline, REDIS_REPLY_INTEGER) : NULL;
    ok = ok && (!writes || nothing) && marks_are_ours(index, marks, count);
    freeReplyObject(nothing);
    freeReplyObject(marks);
    arena_reset(&batch->arena, mark);
    return ok;
}

bool index_fence(struct index *index, struct batch *batch)
{
    return fence(index, batch, false);
}

bool index_confirm(struct index *index, struct batch *batch)
{
    if (!index->verified || !index->connection || (index->asked && index->asked_audit != index->audits))
        return false;
    return fence(index, batch, true);
}
