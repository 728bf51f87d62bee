/* index_replay: what differs when a replay decides commands with the index, while the daemon's workers may do the same.
 *
 *   fence         A replay owns no partition. In place of the owner keys it watches the key of its lock
 *                 (REPLAY_LOCK_KEY), which holds its fencing token. So a replay that was frozen until its lock went to
 *                 another process claims and commits nothing any more.
 *   claims        The offset of a claim does not say whether it is committed: all of the history is behind the group's
 *                 offsets. The record topic says it. The replay looks there and tells the index (standing_of).
 *   displacement  A claim without a record does not count, whatever made it. The daemon may be about to commit it, so
 *                 before that the replay takes the fence of the claim's partition (index_replay_fence), which makes the
 *                 daemon abort, and waits for transactions that have passed their own fence. The displacement is done
 *                 only if the fence is still ours.
 *   marks         The checkpoints are the daemon's. A replay has marks of its own, one for each name and partition,
 *                 with the nonce of its last commit there. An audit compares them with the nonces of the replay's
 *                 group.
 *   later claims  To the daemon, an uncommitted claim of a later offset is its own future, and gives way. A replay
 *                 may commit clients of offsets that the daemon has not come to. So before it claims, it raises the
 *                 highest offset of the checkpoints to the end of its range, and takes the fence, so that the daemon
 *                 reads it. Claims that the daemon itself has left there, or leaves later, may be withdrawn yet:
 *                 index_unsure.c. */
#ifndef WORKER_INDEX_INDEX_REPLAY_H
#define WORKER_INDEX_INDEX_REPLAY_H

#include "common/must_check.h"
#include "worker/index/claim.h"
#include "worker/index/index.h"
#include "worker/redis/redis_epoch.h"

struct index_replay {
    const char *name;
    char token[EPOCH_LENGTH]; /* what the lock holds: our fencing token */

    /* By partition of the command topic; kept up to date by the replay. */
    struct offsets ends;      /* of its ranges */
    struct offsets positions; /* that its group has committed */
    struct offsets nonces;    /* of the last commit of a batch; OFFSET_NONE: there was none yet */
    int32_t partition;        /* of the present batch */

    /* Called before the claims of a batch are evaluated, again after each displacement; and before a claim is released.
     */
    void (*begin_standings)(void *listener);
    /* Whether a client counts that stands against item `index` of the batch. `line` is at least the first line of the
     * client under `id`; at == NULL if there is none. */
    enum claim_standing (*standing_of)(void *listener, const struct batch *batch, uint32_t index, struct span id,
                                       struct span line);
    void *listener;
};

/* From now on the index serves the replay, which must outlive it. */
void index_set_replay(struct index *index, const struct index_replay *replay);

/* The lock was taken again, under the token that the replay has now. Claims that were made before are not confirmed. */
void index_replay_void(struct index *index);

/* *held: the daemon's fence of a partition is ours now. False after index_fail. */
MUST_CHECK bool index_replay_holds(struct index *index, int32_t partition, struct arena *scratch, bool *held);

/* Takes the daemon's fence of a partition: its batches there that are not confirmed yet are evaluated again, after an
 * audit. False after index_fail. */
MUST_CHECK bool index_replay_fence(struct index *index, int32_t partition, struct arena *scratch);

#endif
