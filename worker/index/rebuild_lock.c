#include "worker/index/rebuild_lock.h"

#include "worker/index/index_internal.h"

#define TEXT_OF(number) #number
#define LIFE_TEXT(ms)   TEXT_OF(ms)
#define LIFE            LIFE_TEXT(REBUILD_LOCK_LIFE_MS)

#define REBUILD_LOCK_LONGEST_MS (10 * REBUILD_LOCK_LIFE_MS) /* other versions may use another TTL */
#define PTTL_MISSING            (-2)

/* Removes the key if it is not a lock. A lock has a TTL; a key without one would block rebuilds without end. The key is
 * watched, so a lock that is taken meanwhile stays. False after index_fail. */
static bool remove_no_lock(struct rebuild_lock *lock)
{
    struct index *index = lock->index;
    redisReply *watching = index_ask(index, "WATCH " REBUILD_LOCK_KEY);
    redisReply *left_ms = watching ? index_ask(index, "PTTL " REBUILD_LOCK_KEY) : NULL;
    bool ok = left_ms != NULL;
    lock->left_ms = ok ? left_ms->integer : PTTL_MISSING;
    bool is_lock = ok && (left_ms->integer == PTTL_MISSING ||
                          (left_ms->integer >= 0 && left_ms->integer <= REBUILD_LOCK_LONGEST_MS));
    static const char *const steps[] = {"MULTI", "DEL " REBUILD_LOCK_KEY, "EXEC"};
    bool removed = false;
    for (size_t i = is_lock ? 3 : 0; i < 3 && ok; i++) {
        redisReply *reply = index_ask(index, steps[i]);
        ok = reply != NULL;
        removed = ok && reply->type == REDIS_REPLY_ARRAY; /* the reply to EXEC, unless the key has changed */
        freeReplyObject(reply);
    }
    if (removed)
        log_warning("the key of the rebuild lock held something else; removed", LOG_TEXT("key", REBUILD_LOCK_KEY));
    freeReplyObject(watching);
    freeReplyObject(left_ms);
    return ok;
}

/* If the lock has our fencing token, an earlier rebuild of ours could not remove it. */
static enum lock_result look(struct rebuild_lock *lock)
{
    struct index *index = lock->index;
    redisReply *holder = index_ask(index, "GETRANGE " REBUILD_LOCK_KEY " 0 32");
    enum lock_result result = !holder ? LOCK_FAILED : index_is_our_name(index, holder) ? LOCK_TAKEN : LOCK_BUSY;
    freeReplyObject(holder);
    return result == LOCK_BUSY && !remove_no_lock(lock) ? LOCK_FAILED : result;
}

enum lock_result rebuild_lock_take(struct rebuild_lock *lock)
{
    struct index *index = lock->index;
    redisReply *reply = index_ask(index, "SET " REBUILD_LOCK_KEY " %b NX PX " LIFE, index->owner, sizeof(index->owner));
    enum lock_result result = !reply ? LOCK_FAILED : reply->type == REDIS_REPLY_STATUS ? LOCK_TAKEN : look(lock);
    lock->held = result == LOCK_TAKEN;
    freeReplyObject(reply);
    return result;
}

static void write_key(struct redis_pipeline *pipeline, struct span word)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, word);
    pipeline_parts(pipeline, SPAN(REBUILD_LOCK_KEY));
}

/* Reads the replies to UNWATCH and WATCH, then the holder's token, then the replication id. */
static bool read_watch(struct rebuild_lock *lock, struct redis_pipeline *pipeline)
{
    struct index *index = lock->index;
    char error[ERROR_TEXT_BYTES];
    for (int i = 0; i < 2; i++)
        if (!index_answer_status(index, pipeline))
            return false;
    redisReply *holder = pipeline_answer(pipeline, error, sizeof(error));
    if (!holder)
        return index_fail(index, error);
    lock->held = index_is_our_name(index, holder);
    freeReplyObject(holder);
    return index_same_replication_id(index, pipeline) && lock->held;
}

bool rebuild_lock_watch(struct rebuild_lock *lock, struct arena *scratch)
{
    struct index *index = lock->index;
    struct redis_pipeline pipeline;
    lock->held = false;
    if (!index->connection)
        return false;
    pipeline_open(&pipeline, index->connection, scratch);
    index_write_word(&pipeline, SPAN("UNWATCH"));
    write_key(&pipeline, SPAN("WATCH"));
    pipeline_read_parts(&pipeline, EPOCH_LENGTH, SPAN(REBUILD_LOCK_KEY));
    index_write_ask_replication(&pipeline);
    return pipeline_send(&pipeline) ? read_watch(lock, &pipeline) : index_fail(index, "sending failed");
}

void rebuild_lock_write_renewal(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("PEXPIRE"));
    pipeline_parts(pipeline, SPAN(REBUILD_LOCK_KEY));
    pipeline_parts(pipeline, SPAN(LIFE));
}

void index_write_unlock(struct redis_pipeline *pipeline)
{
    write_key(pipeline, SPAN("DEL"));
}

static bool change(struct rebuild_lock *lock, struct arena *scratch, void write(struct redis_pipeline *pipeline))
{
    struct redis_pipeline pipeline;
    if (!rebuild_lock_watch(lock, scratch))
        return false;
    pipeline_open(&pipeline, lock->index->connection, scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    write(&pipeline);
    index_write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? index_executed(lock->index, &pipeline, 1) : NULL;
    lock->held = executed != NULL;
    freeReplyObject(executed);
    return lock->held || (pipeline.failed && index_fail(lock->index, "sending failed"));
}

bool rebuild_lock_renew(struct rebuild_lock *lock, struct arena *scratch)
{
    return change(lock, scratch, rebuild_lock_write_renewal);
}

void rebuild_lock_give_back(struct rebuild_lock *lock, struct arena *scratch)
{
    if (lock->held)
        change(lock, scratch, index_write_unlock);
    lock->held = false;
}
