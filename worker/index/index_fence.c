/* The fence: nothing is claimed or committed unless epoch, owners and server are as the audit found them. */
#include "worker/index/index_internal.h"

struct span index_place(const struct index *index, int32_t partition, struct arena *arena)
{
    return arena_format(arena, "%s/%d", index->config->commands.topic, (int)partition);
}

/* The keys that hold our fencing token, in the arena. */
static uint32_t fence_keys(const struct index *index, struct batch *batch, struct span **keys)
{
    struct batch_part *parts = NULL;
    uint32_t count = index->replay ? 1 : batch_parts(batch, &parts);
    *keys = arena_alloc(&batch->arena, count * sizeof(**keys));
    for (uint32_t i = 0; i < count; i++)
        (*keys)[i] = index->replay ? index_replay_lock(index, &batch->arena)
                                   : arena_format(&batch->arena, OWNER_KEY_BEFORE "%s/%d",
                                                  index->config->commands.topic, (int)parts[i].partition);
    return count;
}

static void write_watch(struct redis_pipeline *pipeline, const struct span *keys, uint32_t count)
{
    pipeline_command(pipeline, 2 + count);
    pipeline_parts(pipeline, SPAN("WATCH"));
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
    for (uint32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, keys[i]);
}

static void write_reads(struct redis_pipeline *pipeline, const struct span *keys, uint32_t count)
{
    redis_epoch_ask(pipeline);
    for (uint32_t i = 0; i < count; i++)
        pipeline_read_parts(pipeline, EPOCH_LENGTH, keys[i]);
}

bool index_is_our_name(const struct index *index, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == sizeof(index->owner) &&
           memcmp(reply->str, index->owner, sizeof(index->owner)) == 0;
}

/* The result of comparing the epoch and the owners. */
struct marks {
    enum epoch_finding epoch;
    bool owns_all;
};

static bool read_marks(struct index *index, struct redis_pipeline *pipeline, uint32_t count, struct marks *marks)
{
    char error[ERROR_TEXT_BYTES];
    if (!redis_epoch_answer(&index->epoch, pipeline, &marks->epoch, error, sizeof(error)))
        return index_fail(index, error);
    marks->owns_all = true;
    for (uint32_t i = 0; i < count; i++) {
        redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
        if (!reply)
            return index_fail(index, error);
        marks->owns_all = marks->owns_all && index_is_our_name(index, reply);
        freeReplyObject(reply);
    }
    return true;
}

static bool marks_are_ours(struct index *index, const struct marks *marks)
{
    if (marks->epoch != EPOCH_SAME)
        return index_invalidate(index, "the epoch is missing or different");
    return marks->owns_all || index_invalidate(index, index->replay ? "the lock of the replay is not ours"
                                                                    : "a partition has another owner");
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

bool index_same_replication_id(struct index *index, struct redis_pipeline *pipeline)
{
    char error[ERROR_TEXT_BYTES], replication_id[REPLICATION_ID_LENGTH];
    redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
    if (!reply && (index->connection->err || index->sentinels))
        return index_fail(index, error);
    index_read_replication_id(reply, replication_id);
    freeReplyObject(reply);
    return memcmp(replication_id, index->replication_id, REPLICATION_ID_LENGTH) == 0 ||
           index_invalidate(index, "the server's replication id has changed");
}

/* A write without effect. A server that no longer accepts writes, because it is a replica now or has too few replicas,
 * still answers reads, while other workers claim on the new master. */
static void write_nothing(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_parts(pipeline, SPAN(NOTHING_KEY));
}

/* With `writes` it fails on a server that accepts no writes. */
static bool fence(struct index *index, struct batch *batch, bool writes)
{
    size_t mark = batch->arena.used;
    struct span *keys;
    uint32_t count = fence_keys(index, batch, &keys);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_word(&pipeline, SPAN("UNWATCH"));
    write_watch(&pipeline, keys, count);
    write_reads(&pipeline, keys, count);
    index_write_ask_replication(&pipeline);
    if (writes)
        write_nothing(&pipeline);
    bool ok = pipeline_send(&pipeline) || index_fail(index, "sending failed");
    for (int i = 0; i < 2 && ok; i++)
        ok = index_answer_status(index, &pipeline);
    /* All replies must be read, even if the first ones fail. */
    struct marks marks;
    bool read = ok && read_marks(index, &pipeline, count, &marks);
    ok = read && index_same_replication_id(index, &pipeline);
    redisReply *nothing =
        writes && read && index->connection ? index_answer(index, &pipeline, REDIS_REPLY_INTEGER) : NULL;
    ok = ok && (!writes || nothing) && marks_are_ours(index, &marks);
    freeReplyObject(nothing);
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
    /* In this order: a master that was a replica meanwhile has another replication id. */
    return index_is_on_master(index) && fence(index, batch, true);
}
