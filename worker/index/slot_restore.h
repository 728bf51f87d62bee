/* slot_restore: the restoration of one slot of a cluster, step by step, as scripts under its fence (fence.h).
 *
 *   begin   takes the epoch away, so nothing is decided in the slot from then on, and leaves the restoration's token
 *           there. Only one that has begun may write or end. A token that is not renewed for SLOT_RESTORE_LIFE_MS may
 *           be replaced: its worker has died. A slot that is on its way to another master is not taken (ASK or
 *           TRYAGAIN), so nobody reads the record topic for it before it has come
 *   write   clients of which the slot has neither id nor email; and single keys
 *   end     gives the slot a new epoch, and its shard
 *
 * While a slot is restored nobody else writes there: decisions want an epoch, other restorations their token. So what
 * was read is still so when it is written, in however many steps, and no key needs to be watched. A worker that was
 * frozen for longer than its token lasts is refused at its next step.
 *
 * The token, its end and the name of the record topic are fields of the fence:
 *
 *   restorer, until   the token, and the server's time, in milliseconds, until which it is alive. If it is not ours, or
 *                     has another form: as if missing
 *   records           the record topic that the slot was restored from. Another name: nothing is written
 *
 * All fields move with the slot, so a restoration that has begun may go on where the slot is now; its end then has the
 * shard of the beginning, which is not that of the slot, and the slot is restored again. */
#ifndef WORKER_INDEX_SLOT_RESTORE_H
#define WORKER_INDEX_SLOT_RESTORE_H

#include "common/must_check.h"
#include "worker/index/index_scripts.h"
#include "worker/redis/redis_epoch.h"

#define SLOT_RESTORE_LIFE_MS 30000 /* longer than any call of Kafka's or Redis' between two renewals */

/* A restoration of a slot. */
struct slot_restore {
    struct span key;    /* of the fence */
    struct span token;  /* of the restoration: a redis_epoch_random, of which the first half is the worker's name. A
                           worker takes a slot from its own earlier restoration, which has failed */
    struct span topic;  /* the record topic */
    struct span before; /* the epoch that the slot was found with; at == NULL: none */
};

enum slot_begun {
    SLOT_BEGUN,
    SLOT_BUSY,    /* another restoration is alive there */
    SLOT_CHANGED, /* it has another epoch by now: it was restored */
    SLOT_FOREIGN  /* it belongs to another record topic */
};

void slot_restore_send_begin(struct redis_pipeline *pipeline, const struct slot_restore *restore, enum script_call how);
/* *begun only after SCRIPT_DONE. */
MUST_CHECK enum script_end slot_restore_take_begun(struct arena *arena, const redisReply *answer,
                                                   enum slot_begun *begun, struct script_failure *failure);

/* A client that is written if the slot has neither its id nor its email. The keys are whole names; the key of a client
 * ends with its id. */
struct slot_client {
    struct span key, email_key;
    const struct span *value; /* its parts */
    size_t value_parts;
};

/* A key and what it is to hold; at == NULL: it is to be deleted. */
struct slot_change {
    struct span key, value;
};

/* Also renews the token, with nothing to write. */
void slot_restore_send_write(struct redis_pipeline *pipeline, const struct slot_restore *restore,
                             const struct slot_client *clients, uint32_t client_count,
                             const struct slot_change *changes, uint32_t change_count, enum script_call how);
/* was_there[i]: client i was not written, since its id or its email was there. SCRIPT_STALE: the restoration is not the
 * slot's any more. */
MUST_CHECK enum script_end slot_restore_take_written(struct arena *arena, const redisReply *answer, bool *was_there,
                                                     uint32_t client_count, struct script_failure *failure);

void slot_restore_send_end(struct redis_pipeline *pipeline, const struct slot_restore *restore, struct span epoch,
                           struct span shard, enum script_call how);
MUST_CHECK enum script_end slot_restore_take_ended(struct arena *arena, const redisReply *answer,
                                                   struct script_failure *failure);

#endif
