/* rebuild_lock: one worker rebuilds Redis, the others wait. A key that ends by itself, so that nobody waits for a dead
 * holder for long; whoever holds it says more often that he is alive. */
#ifndef WORKER_REBUILD_LOCK_H
#define WORKER_REBUILD_LOCK_H

#include "worker/redis_pipeline.h"
#include "worker/store.h"

struct rebuild_lock {
    struct store *store;
    bool held; /* at the last look */
};

/* LOCK_FAILED: after store_fail. */
enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_FAILED };
enum lock_result rebuild_lock_take(struct rebuild_lock *lock);

/* Says that its holder is alive. False if it is not ours any more: Redis lost data again, or we were taken for dead; or
 * after store_fail. */
bool rebuild_lock_renew(struct rebuild_lock *lock);

/* Lets an EXEC that follows happen only if it is still ours then. False as above. */
bool rebuild_lock_watch(struct rebuild_lock *lock);

/* Gives it back as a part of a transaction. */
void write_unlock(struct redis_pipeline *pipeline);

/* If it is held and still ours. */
void rebuild_lock_give_back(struct rebuild_lock *lock);

#endif
