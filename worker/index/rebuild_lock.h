/* rebuild_lock: one worker rebuilds Redis, the others wait. The lock is a key with a TTL, which the holder renews; if
 * the holder dies, the key expires. A key without a TTL is not a lock, and is removed.
 *
 * The holder may be frozen for longer than the TTL, while another worker rebuilds and finishes. So every write of a
 * rebuild is a Redis transaction that watches the key: Redis refuses what a stale holder writes when it wakes up. */
#ifndef WORKER_INDEX_REBUILD_LOCK_H
#define WORKER_INDEX_REBUILD_LOCK_H

#include "common/must_check.h"
#include "worker/index/index.h"
#include "worker/redis/redis_pipeline.h"

#define REBUILD_LOCK_LIFE_MS 30000 /* longer than any call of Kafka's or Redis' between two renewals */

struct rebuild_lock {
    struct index *index;
    bool held;       /* when it was last read */
    int64_t left_ms; /* after LOCK_BUSY: until the other's lock ends, unless it renews it; below 0: it has ended,
                        or was a key without a TTL */
};

/* LOCK_FAILED: after index_fail. */
enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_FAILED };
MUST_CHECK enum lock_result rebuild_lock_take(struct rebuild_lock *lock);

/* Watches the lock, and no other key, and compares it and the server's replication id. Redis carries out the EXEC that
 * follows on this connection only if the lock is still ours by then. False if the lock is no longer ours (Redis lost
 * data again, or the lock has expired), or after index_fail. */
MUST_CHECK bool rebuild_lock_watch(struct rebuild_lock *lock, struct arena *scratch);

/* Renews the TTL. False as above. */
MUST_CHECK bool rebuild_lock_renew(struct rebuild_lock *lock, struct arena *scratch);

/* Renewal and removal of the lock, as a command of a transaction under rebuild_lock_watch. */
void rebuild_lock_write_renewal(struct redis_pipeline *pipeline);
void index_write_unlock(struct redis_pipeline *pipeline);

/* Removes the lock if it is held and still ours. */
void rebuild_lock_give_back(struct rebuild_lock *lock, struct arena *scratch);

#endif
