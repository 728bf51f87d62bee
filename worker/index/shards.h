/* shards: the index on a Redis Cluster, for one worker: claims by slot, checkpoints by shard. It stands
 * behind index.h (index_cluster.c), which describes the index on one server, and has the glossary.
 *
 * What a batch asks of Redis, and how often it waits for answers:
 *
 *   look        the map and the connections, if that is due (redis_cluster.h), and what of it slots lose their trust
 *               for (slot_book.h)
 *   look up     the definitions of workspaces whose sets are not known, each with the epoch of its slot
 *   claimed     how far the partitions are claimed, if that is further than before (shards_claimed.c)
 *   claim       the decision script for each slot (decision.h), all masters at the same time
 *   confirm     before the commit, all at the same time: each slot's fence, each partition's term, and the pulse of
 *               all masters (cluster_pulse.h). fence.h tells why this is enough. The commit is announced with it, in
 *               each shard that is complete, touched or not
 *   checkpoint  after the commit, into each shard that is complete, touched or not, since a checkpoint that is behind
 *               has the shard restored, unless what is announced there is what the group has committed
 *
 * What is announced: a worker may be killed between its commit and its checkpoints, and then all of them are behind,
 * though nothing is lost. An announcement has the nonce of the commit (log_mark.h), and stands behind the claims in the
 * shard's stream, as a checkpoint does: if it survives, they do. Whether that commit has come to pass, the nonce of the
 * group's offset tells. So it counts as a checkpoint if offset and nonce are the group's. A batch that is evaluated
 * again has another nonce: what was announced before says nothing of claims that came later.
 *
 * A command's slot may be away, or may have to be restored. Then it waits, and with it the commands behind it in its
 * partition. The caller takes them out of the batch (shards_may_decide).
 *
 * The order for a partition that was assigned: shards_take, then the group's offsets, then an audit with them. */
#ifndef WORKER_INDEX_SHARDS_H
#define WORKER_INDEX_SHARDS_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/definitions/definitions_cache.h"
#include "worker/index/index_audit.h"
#include "worker/index/slot_book.h"
#include "worker/kafka/offsets.h"
#include "worker/model/batch.h"
#include "worker/redis/redis_cluster.h"

#define SHARDS_LOOK_MS 1000 /* between two looks at the map and the epochs, at most (slot_book.h) */

struct shards;

/* New, without a map; NULL when out of memory. `config` must outlive it. */
MUST_CHECK struct shards *shards_open(const struct config *config);
void shards_close(struct shards *shards);

/* True if there is a map. False with the reason in `error`. To be called before each batch, and once a second. */
MUST_CHECK bool shards_look(struct shards *shards, struct arena *scratch, char *error, size_t error_size);

/* What is known of the slots, and of the masters; and the config. Borrowed. */
const struct config *shards_config(const struct shards *shards);
const struct slot_book *shards_book(const struct shards *shards);
const struct redis_cluster *shards_cluster(const struct shards *shards);

/* ---- partitions ---- */

/* Takes terms for partitions that have none, and forgets those of all others. *taken: how many of these have one now;
 * the rest waits for the masters that keep their terms. Without a change of the assignment it costs nothing. */
void shards_take(struct shards *shards, const int32_t *partitions, int32_t count, int32_t *taken,
                 struct arena *scratch);

/* Forgets the terms of all partitions, which are others' from now on. */
void shards_give_up(struct shards *shards);

/* ---- the audit ---- */

enum shards_finding {
    SHARDS_FINE,   /* nothing is known that has to be restored; slots may be away, busy or foreign, or not known
                      because none is trusted any more: then the next audit reads them */
    SHARDS_BEHIND, /* a checkpoint is behind, perhaps for a moment while another worker is between its commit and it:
                      audit again, and if it stays so, shards_reject. Other slots may be lost, too */
    SHARDS_LOST,   /* slots have to be restored */
    SHARDS_AHEAD   /* checkpoints or claims are ahead of the progress: kafka_progress_repeat, and progress and audit
                      again */
};

/* Reads all slots that are not known, and compares the checkpoints of shards that are not complete. `progress` was
 * asked for after shards_take. Replaces *gap, which the caller owns; of it only what kafka_progress_repeat uses has a
 * meaning here. */
MUST_CHECK enum shards_finding shards_audit(struct shards *shards, const struct kafka_progress *progress,
                                            struct arena *scratch, struct audit_gap *gap);

/* The slots of shards whose checkpoints are behind are lost. */
void shards_reject(struct shards *shards);

/* Redis may have claims that are not in the record topic: all slots are lost, whatever they hold. */
void shards_distrust(struct shards *shards);

/* Whether there is something to do for an audit or a restoration: slots of masters that are there and are not known or
 * lost, and partitions of ours without a term that can be taken. `waits`: there is only something to wait for, which
 * another worker does. */
bool shards_is_settled(const struct shards *shards, bool *waits);

/* How many masters are there; and why the first of the others is not, with its place, NULL if all are. Valid until the
 * next call. */
size_t shards_there(struct shards *shards, const char **why);

/* NULL, or the name of the record topic to which a slot was last found to belong. */
const char *shards_foreign(const struct shards *shards);

/* ---- batches ---- */

/* Whether a command may be decided now: its slot is sound, its partition has a term that an audit has followed, and the
 * partition's log does not end before what is claimed, or all slots were restored since that was found. */
bool shards_may_decide(const struct shards *shards, const struct item *item);

/* As index_definitions, for commands that may be decided. False: as shards_claim. */
MUST_CHECK bool shards_definitions(struct shards *shards, struct definitions_cache *cache, struct batch *batch,
                                   uint32_t *known);

/* Decides all commands that are ours, as index_claim does. Each of them may be decided (shards_may_decide). False: some
 * were not; they are decided again, all of them, after a look and, if slots or terms are not known any more, after
 * shards_take and an audit. The next run finds the claims that were made. */
MUST_CHECK bool shards_claim(struct shards *shards, struct batch *batch);

/* As index_confirm. */
MUST_CHECK bool shards_confirm(struct shards *shards, struct batch *batch);

/* As index_checkpoint. If the record topic was replaced, all slots are lost. */
void shards_checkpoint(struct shards *shards, struct batch *batch, const struct offsets *record_ends, int64_t nonce);

/* Why the last call of these was not successful, for a log. */
const char *shards_error(const struct shards *shards);

#endif
