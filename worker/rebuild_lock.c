#include "worker/rebuild_lock.h"

#include "worker/store_parts.h"

#define KEY     "client-intake:rebuild"
#define LIFE_MS "10000"

enum lock_result rebuild_lock_take(struct rebuild_lock *lock)
{
    struct store *store = lock->store;
    redisReply *reply = store_ask(store, "SET " KEY " %b NX PX " LIFE_MS, store->owner, sizeof(store->owner));
    enum lock_result result = !reply ? LOCK_FAILED : reply->type == REDIS_REPLY_STATUS ? LOCK_TAKEN : LOCK_BUSY;
    lock->held = result == LOCK_TAKEN;
    freeReplyObject(reply);
    return result;
}

static bool check(struct rebuild_lock *lock)
{
    const struct store *store = lock->store;
    redisReply *holder = store_ask(lock->store, "GET " KEY);
    lock->held = holder && holder->type == REDIS_REPLY_STRING && holder->len == sizeof(store->owner) &&
                 memcmp(holder->str, store->owner, sizeof(store->owner)) == 0;
    freeReplyObject(holder);
    return lock->held;
}

bool rebuild_lock_renew(struct rebuild_lock *lock)
{
    redisReply *renewed = check(lock) ? store_ask(lock->store, "PEXPIRE " KEY " " LIFE_MS) : NULL;
    freeReplyObject(renewed);
    return renewed != NULL;
}

bool rebuild_lock_watch(struct rebuild_lock *lock)
{
    redisReply *watching = store_ask(lock->store, "WATCH " KEY);
    freeReplyObject(watching);
    return watching && check(lock);
}

void write_unlock(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_parts(pipeline, SPAN(KEY));
}

void rebuild_lock_give_back(struct rebuild_lock *lock)
{
    if (lock->held && check(lock))
        freeReplyObject(store_ask(lock->store, "DEL " KEY));
    lock->held = false;
}
