/* rebuild_lock: one worker rebuilds Redis, the others wait. A key with a lifetime, so that a holder that died is not
 * waited for much longer; the holder renews it.
 *
 * The holder may be frozen for longer than the key lives, and another worker may rebuild and finish meanwhile. So every
 * write of a rebuild is a Redis transaction that watches the key: what a stale holder still writes when it wakes up is
 * refused by Redis itself. */
#ifndef WORKER_INDEX_REBUILD_LOCK_H
#define WORKER_INDEX_REBUILD_LOCK_H

#include "common/must_check.h"
#include "worker/index/index.h"
#include "worker/redis/redis_pipeline.h"

#define REBUILD_LOCK_LIFE_MS 30000 /* longer than any call of Kafka's or Redis' between two renewals */

struct rebuild_lock {
    struct index *index;
    bool held; /* at the last look */
};

/* LOCK_FAILED: after index_fail. */
enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_FAILED };
MUST_CHECK enum lock_result rebuild_lock_take(struct rebuild_lock *lock);

/* Watches the lock, and nothing else from before, and compares it and the server's replication id. An EXEC that follows
 * on this connection is carried out only if the lock is still ours then. False if it is not ours any more: Redis lost
 * data again, or we were taken for dead; or after index_fail. */
MUST_CHECK bool rebuild_lock_watch(struct rebuild_lock *lock, struct arena *scratch);

/* Lets the lock live on. False as above. */
MUST_CHECK bool rebuild_lock_renew(struct rebuild_lock *lock, struct arena *scratch);

/* The same, or its end, as a command of a transaction under rebuild_lock_watch. */
void write_renewal(struct redis_pipeline *pipeline);
void index_write_unlock(struct redis_pipeline *pipeline);

/* If it is held and still ours. */
void rebuild_lock_give_back(struct rebuild_lock *lock, struct arena *scratch);

#endif
