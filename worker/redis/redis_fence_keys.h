/* redis_fence_keys: the names of the keys that guard a slot (worker/index/decision.h). Like redis_keys.h, whose rules
 * hold here: no other file spells them, and another program may have written something else there.
 *
 *   key                             its value                                   if it is not ours
 *   client-intake:{TAG}:fence       a hash: "epoch" 32 digits, "shard" text,    nothing is decided in this slot; a term
 *                                   "term:TOPIC/P" a term, "NUMBER NONCE",      of another form is as if missing.
 *                                   "records" a topic; "restorer" and "until"   Another topic: nothing is written there
 *                                   (worker/index/slot_restore.h)
 *   client-intake:{TOPIC/P}:term    the term that was taken last                as if missing
 *   client-intake:{TOPIC/P}:claimed an offset                                   as if missing: nothing is claimed
 *   client-intake:{TAG}:checkpoint:SHARD:TOPIC/P
 *                                   a checkpoint (redis_keys.h) of the shard    as if missing: its slots are restored
 *   client-intake:{TAG}:announced:SHARD:TOPIC/P
 *                                   as a checkpoint, without offsets of the     as if missing: only the checkpoint
 *                                   record topic                                counts
 *
 *   client-intake:none              nothing: `check` asks for it, to hear of    nothing
 *                                   rights
 *
 * TAG is any text of which Redis makes the slot. On one server, and behind Sentinels, there is one fence for all keys.
 */
#ifndef WORKER_REDIS_REDIS_FENCE_KEYS_H
#define WORKER_REDIS_REDIS_FENCE_KEYS_H

#include "common/span.h"

/* Lists of spans, for pipeline_parts. `place`: "TOPIC/PARTITION" of the command topic. */
#define FENCE_KEY(tag)  SPAN("client-intake:{"), (tag), SPAN("}:fence")
#define TERM_KEY(place) SPAN("client-intake:{"), (place), SPAN("}:term")
/* Of a partition, in the slot of its term. */
#define SLOT_CLAIMED_KEY(place) SPAN("client-intake:{"), (place), SPAN("}:claimed")
/* `tag`: of the lowest slot that the shard has. `shard`: its id. */
#define SHARD_CHECKPOINT_KEY(tag, shard, place)                                                                        \
    SPAN("client-intake:{"), (tag), SPAN("}:checkpoint:"), (shard), SPAN(":"), (place)
/* Beside the checkpoint: the commit that was tried last. */
#define SHARD_ANNOUNCED_KEY(tag, shard, place)                                                                         \
    SPAN("client-intake:{"), (tag), SPAN("}:announced:"), (shard), SPAN(":"), (place)

#define CHECKED_KEY "client-intake:none"

#endif
