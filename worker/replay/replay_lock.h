/* replay_lock: one process applies a replay at a time. The lock is a key in Redis that holds the process's fencing
 * token and expires. A thread of its own renews it, so it holds through long calls; if the process dies, it expires
 * after REPLAY_LOCK_LIFE_MS. The lock alone protects nothing: whoever was frozen for longer finds it lost, and the
 * fence of the index (index_replay.h) and the transactional id refuse what it does until then. */
#ifndef WORKER_REPLAY_REPLAY_LOCK_H
#define WORKER_REPLAY_REPLAY_LOCK_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/redis/redis_epoch.h"

#define REPLAY_LOCK_LIFE_MS 10000

struct replay_lock;

enum replay_lock_result {
    REPLAY_LOCK_TAKEN,
    REPLAY_LOCK_IN_USE, /* another process renews it */
    REPLAY_LOCK_FAILED  /* the reason is in `error` */
};

/* Takes the lock of config's command topic. If another process has it, waits until that renews it, which it does every
 * two seconds, or until it expires. On REPLAY_LOCK_TAKEN *lock is new. */
MUST_CHECK enum replay_lock_result replay_lock_take(struct replay_lock **lock, const struct config *config,
                                                    const char token[EPOCH_LENGTH], char *error, size_t error_size);

/* Removes the key if it is ours, ends the thread, and frees the lock. NULL is allowed. */
void replay_lock_give_back(struct replay_lock *lock);

/* True once another process has the lock. It stays so. */
bool replay_lock_is_lost(const struct replay_lock *lock);

#endif
