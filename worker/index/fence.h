/* fence: who may write in a slot, for claims by scripts (decision.h). On one server a worker watches the epoch and
 * the owners of all of Redis instead (index_fence.c).
 *
 * A fence is a hash in the slot that it guards. Each script looks at it before it does anything, in one step with what
 * it then does.
 *
 *   field         what it holds, and who writes it
 *   epoch         the mark of the data (redis_epoch.h). The end of a rebuild of the slot. Missing: nothing is decided
 *   shard         where the slot's data were last found to be complete, and since when. The same. Opaque to scripts
 *   restorer, until, records
 *                 who restores the slot, and from which record topic it was restored (slot_restore.h)
 *   term:TOPIC/P  the term of the last worker that was here for this partition (term.h). decision_send and
 *                 fence_send_checkpoints raise it. The topic is part of the name, as it is part of an owner's key:
 *                 workers of several command topics may share one Redis
 *
 * A fence is raised lazily: a new owner of a partition does not visit all slots, but each one when it has something to
 * decide there. Then a stale worker can still write in the others. That does no harm as long as seven things hold.
 *
 *   1. Every command whose workspace can be used goes through its slot's script before it is answered, also one that is
 *      rejected and asks for nothing. What has been answered without it is a command without a slot.
 *   2. A term is taken first, and the group's offsets are asked for after it, with transactions waited for that have
 *      come to their commit. Commands before these offsets are not decided, also not those that are in hand.
 *   3. A batch is confirmed by term_send_ask for each partition and fence_send_confirm for each slot, when its offsets
 *      are in the transaction.
 *   4. A term is above all terms before it, also if a failover has lost those (term.h).
 *   5. After a lost connection to a shard, the shard is audited before anything is decided or confirmed there, or a
 *      checkpoint is written. 2 holds for the offsets of each audit.
 *   6. A batch is not committed by a worker whose server is not the master any more to more than half of those that
 *      decide it: the Sentinels (redis_sentinels.h), or the masters of the cluster (cluster_confirm.h).
 *   7. Where the group's offsets have jumped over commands that nobody has answered, the epoch is a new one.
 *
 * Two workers, A with the lower term and B with the higher one, of which either may be the stale one:
 *
 *   - If A commits a command, B does not decide it. A's confirmation read A's term as the last one, so B took its term
 *     later, and B's offsets, which were asked for later still, are behind the command, since A's offsets were in the
 *     transaction by then.
 *   - If B commits a command, nothing of A's is left beside B's answer. By 1, B's script has run in the slot. If A's
 *     ran there before, B's found A's claim, and the stored outcome won. If A's came later, it was STALE.
 *   - What A displaces is not committed. A client of a later offset that another worker has committed was below the
 *     offset from which on A displaces, by 2 and 3, if its term is lower; with a higher one its worker has been in the
 *     slot, and A is STALE.
 *
 * It is not enough that a new owner has a higher term because it was assigned the partition later: a worker may freeze
 * between its assignment and its INCR, and then has the higher term and is the stale one. Nor is it enough to confirm
 * fences alone: such a worker may not have come to any slot of the batch yet. 2 and 3 together close both.
 *
 * Flush: epochs are gone, so each script and each confirmation in the slot is STALE. Failover with lost writes: what
 * survives is the beginning of the shard's stream, each script whole or not at all, since Redis sends the effects of a
 * script as one transaction. If fence and claims are lost together, 5 finds the checkpoint behind: it is written after
 * the commit, to the same stream. Until then nobody decides there, and afterwards nobody decides a command again that
 * was committed.
 *
 * Slots that move: keys move one by one, and the new shard may lose some of them and keep the fence. So a fence counts
 * only where `shard` is what the worker expects, and only the end of a restoration from the record topic writes it.
 * While a slot is on its way, a script whose keys are in part not there is answered with TRYAGAIN or ASK, so nothing
 * new is claimed. The shard's id alone does not do for `shard`: a slot that goes to another shard, loses keys in a
 * failover there, and comes back before anybody looked would count as complete. `shard` therefore also has the
 * configuration epoch of the master. A failover changes it, too, and so does another slot that comes. A worker that has
 * seen the slot stay in its shard all the time goes on with the old one; any other worker restores the slot
 * (slot_book.h). */
#ifndef WORKER_INDEX_FENCE_H
#define WORKER_INDEX_FENCE_H

#include "worker/index/index_scripts.h"

/* A partition of the command topic from which commands come. */
struct fence_part {
    int32_t partition;
    struct span place; /* "topic/partition" */
    struct span term;  /* ours, "NUMBER NONCE" */
    int64_t committed; /* commands before this offset have been committed at some time; OFFSET_NONE: none */
};

struct fence {
    struct span key;
    struct span epoch;
    struct span shard; /* at == NULL: any */
    const struct fence_part *parts;
    uint32_t part_count;
};

/* How a script looks at terms. */
enum fence_terms {
    FENCE_RAISE, /* lower terms, and missing ones, become ours; higher ones, and equal ones of another, are STALE */
    FENCE_EQUAL  /* all must be ours */
};

/* How many arguments fence_write writes, and the arguments: epoch, shard, and some of the fence's parts. */
uint32_t fence_arguments(uint32_t part_count);
void fence_write(struct redis_pipeline *pipeline, const struct fence *fence, enum fence_terms terms,
                 const uint32_t *parts, uint32_t part_count);

/* Whether claims of this fence's slot still stand, on a server that takes writes: epoch and shard are the same, all
 * terms are ours. Writes nothing that stays. To be sent when everything was sent to Kafka, before the commit, together
 * with term_send_ask for each partition. */
void fence_send_confirm(struct redis_pipeline *pipeline, const struct fence *fence, enum script_call how);

/* Sets `count` keys to values, if the fence is ours. The keys are in the fence's slot. */
void fence_send_checkpoints(struct redis_pipeline *pipeline, const struct fence *fence, const struct span *keys,
                            const struct span *values, uint32_t count, enum script_call how);

/* A checkpoint that is written unless somebody has changed it since it was read. */
struct fence_settlement {
    struct span key;    /* in the fence's slot */
    struct span before; /* what was read; at == NULL: nothing */
    struct span value;
};

/* Writes checkpoints of partitions that may be another's, after a restoration (index_audit.h), if epoch and shard of
 * the fence are ours; its partitions do not count. */
void fence_send_settle(struct redis_pipeline *pipeline, const struct fence *fence,
                       const struct fence_settlement *settlements, uint32_t count, enum script_call how);
/* *changed: how many were not written, since they were changed. */
MUST_CHECK enum script_end fence_take_settled(struct arena *arena, const redisReply *answer, uint32_t *changed,
                                              struct script_failure *failure);

/* Reads the answer to fence_send_confirm, or to fence_send_checkpoints. */
MUST_CHECK enum script_end fence_receive(struct redis_pipeline *pipeline, struct script_failure *failure);

#endif
