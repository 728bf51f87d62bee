/* replay_lock: one process applies a replay at a time. The lock is a key in Redis that holds the process's fencing
 * token and expires. A thread of its own renews it, so it holds through long calls; if the process dies, it expires
 * after REPLAY_LOCK_LIFE_MS. A process that was frozen for longer may not know that it has lost the lock. Until it
 * does, the fence of the index (index_replay.h) and the transactional id refuse what it does.
 *
 * The key may also be missing: Redis has lost its data, or another process has had the lock meanwhile and given it
 * back. The lock is not taken again until the caller has made sure that no other process has gone on with its work. */
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

enum replay_lock_state {
    REPLAY_LOCK_OURS,    /* when it was last asked for */
    REPLAY_LOCK_MISSING, /* no process has it */
    REPLAY_LOCK_LOST,    /* another process has it. It stays so */
    REPLAY_LOCK_UNKNOWN  /* Redis did not answer; only replay_lock_ask and replay_lock_retake return it */
};

/* What was found last. */
enum replay_lock_state replay_lock_state(const struct replay_lock *lock);

/* Asks now, and renews the lock if it is ours. */
enum replay_lock_state replay_lock_ask(struct replay_lock *lock);

/* Takes a lock that is missing, with a new token: another process may have had the lock meanwhile, and what was claimed
 * under the old token must not be committed. */
enum replay_lock_state replay_lock_retake(struct replay_lock *lock);

/* The present token. */
void replay_lock_token(struct replay_lock *lock, char token[EPOCH_LENGTH]);

#endif
