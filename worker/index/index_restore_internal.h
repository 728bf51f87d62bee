/* index_restore_internal: what the files of the restore share. No other file includes it. */
#ifndef WORKER_INDEX_INDEX_RESTORE_INTERNAL_H
#define WORKER_INDEX_INDEX_RESTORE_INTERNAL_H

#include "common/must_check.h"
#include "worker/index/index_internal.h"
#include "worker/index/index_restore.h"

/* Makes Redis agree with one client, whatever Redis holds. Watches what it reads. False as restore_write. */
MUST_CHECK bool restore_settle(struct restore *restore, struct restored *restored);

/* Sends a transaction of `count` commands that the caller wrote behind MULTI, under rebuild_lock_watch, with a renewal
 * of the lock at its end. New: the answers to the commands; NULL after index_fail, or if something watched has changed.
 */
MUST_CHECK redisReply *restore_execute(struct restore *restore, struct redis_pipeline *pipeline, size_t count);

/* Redis agrees with the message from now on. */
void restore_mark(struct restore *restore, struct restored *restored);

#endif
