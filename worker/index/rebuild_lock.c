#include "worker/index/rebuild_lock.h"

#include "worker/index/store_parts.h"

#define TEXT_OF(number) #number
#define LIFE_TEXT(ms)   TEXT_OF(ms)
#define LIFE            LIFE_TEXT(REBUILD_LOCK_LIFE_MS)

static bool is_ours(const struct store *store, const redisReply *holder)
{
    return holder->type == REDIS_REPLY_STRING && holder->len == sizeof(store->owner) &&
           memcmp(holder->str, store->owner, sizeof(store->owner)) == 0;
}

/* Our name there is what an earlier rebuild of ours could not take away. */
static enum lock_result look(struct store *store)
{
    redisReply *holder = store_ask(store, "GET " REBUILD_LOCK_KEY);
    enum lock_result result = !holder ? LOCK_FAILED : is_ours(store, holder) ? LOCK_TAKEN : LOCK_BUSY;
    freeReplyObject(holder);
    return result;
}

enum lock_result rebuild_lock_take(struct rebuild_lock *lock)
{
    struct store *store = lock->store;
    redisReply *reply = store_ask(store, "SET " REBUILD_LOCK_KEY " %b NX PX " LIFE, store->owner, sizeof(store->owner));
    enum lock_result result = !reply ? LOCK_FAILED : reply->type == REDIS_REPLY_STATUS ? LOCK_TAKEN : look(store);
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

/* The answers to UNWATCH and WATCH, then the holder's name, then the replication id. */
static bool read_watch(struct rebuild_lock *lock, struct redis_pipeline *pipeline)
{
    struct store *store = lock->store;
    char why[WHY_SIZE];
    for (int i = 0; i < 2; i++) {
        redisReply *reply = store_answer(store, pipeline, REDIS_REPLY_STATUS);
        if (!reply)
            return false;
        freeReplyObject(reply);
    }
    redisReply *holder = pipeline_answer(pipeline, why, sizeof(why));
    if (!holder)
        return store_fail(store, why);
    lock->held = is_ours(store, holder);
    freeReplyObject(holder);
    return store_same_life(store, pipeline) && lock->held;
}

bool rebuild_lock_watch(struct rebuild_lock *lock, struct arena *scratch)
{
    struct store *store = lock->store;
    struct redis_pipeline pipeline;
    lock->held = false;
    if (!store->connection)
        return false;
    pipeline_open(&pipeline, store->connection, scratch);
    write_word(&pipeline, SPAN("UNWATCH"));
    write_key(&pipeline, SPAN("WATCH"));
    write_key(&pipeline, SPAN("GET"));
    write_life(&pipeline);
    return pipeline_send(&pipeline) ? read_watch(lock, &pipeline) : store_fail(store, "sending failed");
}

void write_renewal(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("PEXPIRE"));
    pipeline_parts(pipeline, SPAN(REBUILD_LOCK_KEY));
    pipeline_parts(pipeline, SPAN(LIFE));
}

void write_unlock(struct redis_pipeline *pipeline)
{
    write_key(pipeline, SPAN("DEL"));
}

static bool change(struct rebuild_lock *lock, struct arena *scratch, void write(struct redis_pipeline *pipeline))
{
    struct redis_pipeline pipeline;
    if (!rebuild_lock_watch(lock, scratch))
        return false;
    pipeline_open(&pipeline, lock->store->connection, scratch);
    write_word(&pipeline, SPAN("MULTI"));
    write(&pipeline);
    write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? store_executed(lock->store, &pipeline, 1) : NULL;
    lock->held = executed != NULL;
    freeReplyObject(executed);
    return lock->held || (pipeline.failed && store_fail(lock->store, "sending failed"));
}

bool rebuild_lock_renew(struct rebuild_lock *lock, struct arena *scratch)
{
    return change(lock, scratch, write_renewal);
}

void rebuild_lock_give_back(struct rebuild_lock *lock, struct arena *scratch)
{
    if (lock->held)
        change(lock, scratch, write_unlock);
    lock->held = false;
}
