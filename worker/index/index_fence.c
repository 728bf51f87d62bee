/* The fence: nothing is claimed or committed unless epoch, owners, checkpoints and server are as the audit found them,
 * or as this index has written them since. */
#include "worker/index/index_internal.h"

struct span index_place(const struct index *index, int32_t partition, struct arena *arena)
{
    return arena_format(arena, "%s/%d", index->config->commands.topic, (int)partition);
}

/* The keys of the fence, in the arena. The first `count` partitions are the batch's (a replay's: its present one). If
 * the checkpoint that we wrote last is of another one, it is compared, too: a copy of Redis that is older than that
 * checkpoint may lack clients of that partition, and nothing else would tell. */
struct fence_keys {
    uint32_t count;      /* owners, and checkpoints that are watched */
    uint32_t checked;    /* checkpoints that are compared: as many, or one more */
    int32_t *partitions; /* of the checkpoints */
    struct span *owners; /* hold our fencing token */
    struct span *checkpoints;
};

static struct span owner_key(const struct index *index, int32_t partition, struct arena *arena)
{
    return arena_format(arena, OWNER_KEY_BEFORE "%s/%d", index->config->commands.topic, (int)partition);
}

static struct span checkpoint_key(const struct index *index, int32_t partition, struct arena *arena)
{
    return arena_format(arena, CHECKPOINT_KEY_BEFORE "%s/%d", index->config->commands.topic, (int)partition);
}

static struct fence_keys fence_keys(const struct index *index, struct batch *batch)
{
    struct arena *arena = &batch->arena;
    struct batch_part *parts = NULL;
    const int32_t last = index->replay ? -1 : index->known.last;
    bool has_last = last < 0;
    struct fence_keys keys = {.count = index->replay ? 1 : batch_parts(batch, &parts)};
    keys.partitions = arena_alloc(arena, (keys.count + 1) * sizeof(*keys.partitions));
    keys.owners = arena_alloc(arena, keys.count * sizeof(*keys.owners));
    keys.checkpoints = arena_alloc(arena, (keys.count + 1) * sizeof(*keys.checkpoints));
    for (uint32_t i = 0; i < keys.count; i++) {
        int32_t partition = index->replay ? index->replay->partition : parts[i].partition;
        has_last = has_last || partition == last;
        keys.partitions[i] = partition;
        keys.owners[i] = index->replay ? index_replay_lock(index, arena) : owner_key(index, partition, arena);
        keys.checkpoints[i] =
            index->replay ? index_replay_mark_key(index, arena) : checkpoint_key(index, partition, arena);
    }
    keys.checked = keys.count;
    if (!has_last) {
        keys.partitions[keys.checked] = last;
        keys.checkpoints[keys.checked++] = checkpoint_key(index, last, arena);
    }
    return keys;
}

static void write_watch(struct redis_pipeline *pipeline, const struct fence_keys *keys)
{
    pipeline_command(pipeline, 2 + 2 * keys->count);
    pipeline_parts(pipeline, SPAN("WATCH"));
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
    for (uint32_t i = 0; i < keys->count; i++)
        pipeline_parts(pipeline, keys->owners[i]);
    for (uint32_t i = 0; i < keys->count; i++)
        pipeline_parts(pipeline, keys->checkpoints[i]);
}

static void write_reads(struct redis_pipeline *pipeline, const struct fence_keys *keys)
{
    redis_epoch_ask(pipeline);
    for (uint32_t i = 0; i < keys->count; i++)
        pipeline_read_parts(pipeline, EPOCH_LENGTH, keys->owners[i]);
    for (uint32_t i = 0; i < keys->checked; i++)
        pipeline_read_parts(pipeline, CHECKPOINT_HEAD_BYTES, keys->checkpoints[i]);
}

bool index_is_our_name(const struct index *index, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == sizeof(index->owner) &&
           memcmp(reply->str, index->owner, sizeof(index->owner)) == 0;
}

/* The result of comparing the epoch, the owners and the checkpoints. */
struct marks {
    enum epoch_finding epoch;
    bool owns_all, knows_all;
};

static bool is_known(const struct index *index, int32_t partition, const redisReply *reply)
{
    struct span value;
    if (!index_reply_span(reply, &value))
        return false;
    const struct checkpoint found = checkpoint_head(value), known = index_known_checkpoint(index, partition);
    return found.next == known.next && found.highest == known.highest && found.nonce == known.nonce;
}

static bool read_marks(struct index *index, struct redis_pipeline *pipeline, const struct fence_keys *keys,
                       struct marks *marks)
{
    char error[ERROR_TEXT_BYTES];
    if (!redis_epoch_answer(&index->epoch, pipeline, &marks->epoch, error, sizeof(error)))
        return index_fail(index, error);
    marks->owns_all = marks->knows_all = true;
    for (uint32_t i = 0; i < keys->count + keys->checked; i++) {
        redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
        if (!reply)
            return index_fail(index, error);
        if (i < keys->count)
            marks->owns_all = marks->owns_all && index_is_our_name(index, reply);
        else
            marks->knows_all = marks->knows_all && is_known(index, keys->partitions[i - keys->count], reply);
        freeReplyObject(reply);
    }
    return true;
}

static bool marks_are_ours(struct index *index, const struct marks *marks)
{
    if (marks->epoch != EPOCH_SAME)
        return index_invalidate(index, "the epoch is missing or different");
    if (!marks->owns_all)
        return index_invalidate(index,
                                index->replay ? "the lock of the replay is not ours" : "a partition has another owner");
    return marks->knows_all || index_invalidate(index, "a checkpoint is not the one that was written last");
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
    const struct fence_keys keys = fence_keys(index, batch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_word(&pipeline, SPAN("UNWATCH"));
    write_watch(&pipeline, &keys);
    write_reads(&pipeline, &keys);
    index_write_ask_replication(&pipeline);
    if (writes)
        write_nothing(&pipeline);
    bool ok = pipeline_send(&pipeline) || index_fail(index, "sending failed");
    for (int i = 0; i < 2 && ok; i++)
        ok = index_answer_status(index, &pipeline);
    /* All replies must be read, even if the first ones fail. */
    struct marks marks;
    bool read = ok && read_marks(index, &pipeline, &keys, &marks);
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
    if (index->shards)
        return index_cluster_confirm(index, batch);
    if (!index->verified || !index->connection || (index->asked && index->asked_audit != index->audits))
        return false;
    /* In this order: a master that was a replica meanwhile has another replication id. */
    return index_is_on_master(index) && fence(index, batch, true);
}
