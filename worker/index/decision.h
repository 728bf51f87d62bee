/* decision: claims by a script in Redis, for workspaces of which no two need be on one server. On one
 * server index_claim decides, with WATCH and MULTI.
 *
 * The commands of a batch whose workspaces share a fence are a group: in a cluster those of one slot, on one server all
 * of them. A group is decided by one round trip, in calls of a limited size, each of them one step of Redis. A call
 * looks at the fence, and then decides its commands in their order. A claim that finds neither of its keys sets both. A
 * claim that meets nothing but uncommitted claims of later commands of its partition replaces them, there and then. The
 * answer tells what is in the way of any other, and claim.h decides what that means. The script has the one rule of
 * claim.c that it needs to displace; decision_receive checks it against claim.c again.
 *
 * Differences from index_claim, which claims the whole batch again after each displacement: Commands are decided
 * strictly in their order. So a command of another partition that stands before a displacement is refused for what is
 * displaced behind it, as it would be in a batch of its own. A claim whose email belongs to a client that is not there
 * is refused also if a later command makes that client.
 *
 * Scripts are not rolled back, so it matters where one can end early.
 *   - Before its first write a script may be refused: it is full, read-only, a replica, or has too few replicas. Then
 *     nothing was done. Redis does not refuse later writes of a script that has written, and does not kill it.
 *   - Damage, and a key that a half-moved slot does not have, end it at a command of which nothing was written, because
 *     all reads of a command are before all of its writes, and none of them raises an error for a key of another type.
 *     The commands before it have their outcomes. They get the same ones again: a claim that was made is found as the
 *     command's own; what was displaced is gone and was never committed; a claim that was refused meets the same keys.
 *   - A server that ends in the middle leaves nothing of it: the effects go to replicas and to the file as one.
 *
 * It decides by offsets (CLAIM_BY_OFFSET), so it serves the daemon, not a replay, which asks the record topic. Nor does
 * it release claims of clients that do not fit (index_release.c); that comes before it, as before index_claim.
 *
 * It takes Redis 1.4 to 1.6 times as long as MULTI and MSETNX, 4.7 to 5.5 instead of 2.9 to 3.7 us for a claim of 600
 * bytes (tests/bench/decision.c). The Lua of Redis hashes every byte of every argument, which takes nearly half of the
 * difference. Claims that share no key are made by one MSETNX; one at a time they would take 1.8 times as long as
 * MULTI. A call for one command takes 12 us. So a single server keeps index_claim. */
#ifndef WORKER_INDEX_DECISION_H
#define WORKER_INDEX_DECISION_H

#include "common/must_check.h"
#include "worker/index/claim.h"
#include "worker/index/fence.h"
#include "worker/model/batch.h"
#include "worker/redis/redis_pipeline.h"

/* What one call of the script decides at most, so that Redis serves others meanwhile. 250 commands of 600 bytes take it
 * less than 1 ms if all get their keys, less than 3 ms if none does, and 5 ms if each of them displaces two clients. A
 * call has one command at least, whatever its size. */
#define DECISION_COMMANDS ((uint32_t)250)
#define DECISION_BYTES    ((size_t)1 << 20)
/* The most claims that the script tries to make at once. */
#define DECISION_AT_ONCE ((uint32_t)32)

/* The commands of a batch that share a fence. In a cluster their workspaces have one slot. */
struct decision_group {
    struct fence fence;    /* its parts: those of all of the items */
    const uint32_t *items; /* indices in the batch, rising: all whose workspace can be used, rejected ones, too */
    uint32_t item_count;
};

struct decision_answer {
    enum {
        DECISION_NOTHING,   /* it asked for nothing, or a look-up has found nothing */
        DECISION_WON,       /* the claim got both keys */
        DECISION_DISPLACED, /* it got them in place of uncommitted claims of later commands */
        DECISION_FOUND      /* `finding` decides it, by claim_apply */
    } how;
    struct claim_finding finding; /* of DECISION_DISPLACED: what was displaced */
};

/* Writes the calls for the group to a pipeline whose arena is the batch's. Between it and decision_receive no outcome,
 * custody or `claimed` of an item of the group may change, except by decision_receive. */
void decision_send(struct redis_pipeline *pipeline, const struct batch *batch, const struct decision_group *group,
                   enum script_call how);

/* Reads all answers to decision_send. answers[i] is that of item i of the group; items whose claims were made are
 * `claimed`. Anything but SCRIPT_DONE voids the answers of the whole group, since a call may have been carried out
 * behind one that was not: a later command may have got what an earlier one has yet to ask for. Sent again, it gives
 * way. */
MUST_CHECK enum script_end decision_receive(struct redis_pipeline *pipeline, struct batch *batch,
                                            const struct decision_group *group, struct decision_answer *answers,
                                            struct script_failure *failure);

/* The same, an answer at a time, for a caller that reads them itself: that of the call which begins with item `from` of
 * the group and ends before item decision_call_end. */
uint32_t decision_call_end(const struct batch *batch, const struct decision_group *group, uint32_t from);
MUST_CHECK enum script_end decision_take(struct batch *batch, const struct decision_group *group, uint32_t from,
                                         const redisReply *answer, struct decision_answer *answers,
                                         struct script_failure *failure);

/* Gives the group's items their outcomes, after SCRIPT_DONE. */
void decision_settle(struct batch *batch, const struct decision_group *group, const struct decision_answer *answers);

#endif
