/* index: the Redis index of clients, and the definitions beside it. The record topic is the truth; Redis is its index
 * and can be rebuilt. One connection per thread. The public headers are this one and index_audit.h. redis_keys.h lists
 * the keys and what a value that is not ours means. With redis.kind = cluster these
 * functions are those of shards.h and shards_rebuild.h (index_cluster.c), made of slot_book.h, slot_restore.h,
 * decision.h, fence.h and term.h. What follows is about one server.
 *
 * The folder worker/index holds everything that reads or writes the clients in Redis: claims, the audit, the rebuild.
 * It may use hiredis, librdkafka and the folders before it in docs/design.md.
 *
 * Glossary
 *
 *   claim         the two keys of a client, id and email, written together with the command's source (topic, partition,
 *                 offset) before its Kafka transaction is committed
 *   own claim     a claim with the same source and bytes as the command: from an earlier run that did not commit
 *   displace      replace an uncommitted claim of a later command of the same partition, left by a run that crashed
 *   release       remove the claim of a command that is refused after all, because its client does not fit
 *   epoch         a random mark of the data in Redis; missing or different after a flush, a restore, a swap
 *   owner         of a partition, a key with the fencing token of the worker to which it was assigned last: a random
 *                 name, by which the worker sees whether another one has taken the partition since. In a cluster: term
 *   checkpoint    per partition: the offset behind the last committed command, the highest that this ever was, the
 *                 nonce of the commit, the time, and the record topic's offsets before which every record is in Redis
 *   fence         what a write in Redis depends on, always in Redis: the epoch, the owners and the checkpoints, watched
 *                 and read, so that the EXEC that follows fails if one of them changes; in a cluster fence.h
 *   shut out      what Kafka does to an earlier producer of a transactional id, or an earlier member of an instance id,
 *                 and itself calls to fence
 *   verified      the last audit holds: Redis has everything that Kafka says is committed
 *   master        with redis.kind = sentinel: the server that more than half of the Sentinels name (redis_sentinels.h)
 *   stale         not verified: another audit is due
 *   audit         compare epoch, checkpoints and definitions with what Kafka has committed (index_audit.h)
 *   rebuild       write what Redis lacks from the record and definitions topics; whole, or the part since a checkpoint
 *   damaged       a claim met a key of a client or an email that holds something else
 *
 * States of an index, and what changes them
 *
 *   disconnected  index_connect -> stale. Answers that were outstanding are lost, and what Redis did is unknown.
 *   stale         index_audit and index_take -> verified. A rebuild comes between them if the audit asks for it.
 *   verified      batches are decided. A missing or different epoch, another owner, a checkpoint that was
 *                 neither found by the audit nor written by this index, another replication id, another assignment
 *                 (index_mark_stale) -> stale. An error, damage, or another master -> disconnected.
 *
 * Who writes what, and when
 *
 *   owner         index_take, after an audit that found nothing missing, for the partitions that are assigned then
 *   claims        index_claim: one Redis transaction under the fence, MSETNX for each valid command. So neither a flush
 *                 nor a worker that was frozen for longer than its session can leave a claim behind. Keys of claims
 *                 that failed are read in further pipelines, each with the epoch at its end; claim.h decides what they
 *                 mean
 *   claimed       index_claim, in the same transaction: how far a partition is claimed, if that is further than before.
 *                 A whole rebuild removes it, since it removes claims without a record (index_audit.h)
 *   displacements index_claim: each is a Redis transaction that watches what the fence watches and the keys that it
 *                 read. The batch is then claimed again, since later commands may now meet other clients
 *   nothing       index_confirm, after everything was sent and before the commit: asks the Sentinels whether the server
 *                 is still the master, fences again, and deletes a key that does not exist, which fails on a server
 *                 that no longer accepts writes
 *   checkpoints   index_checkpoint, after the commit, under the fence of index_confirm
 *   rebuild lock  the rebuilding worker, for 30 s from its last renewal; each write of a rebuild watches it
 *   clients       the rebuild, from the last message of each key of the record topic (index_restore.h)
 *   record topic  a whole rebuild, with its first step and its last; index_take, where there is no name yet. Nobody
 *                 deletes it, so it also stands while the epoch is missing (redis_record_topic.h)
 *   epoch         a whole rebuild deletes it first, so that no worker claims, and writes a new one last, together with
 *                 all checkpoints; only then Redis is complete
 *   replay marks  index_checkpoint and the rebuild, for an index that serves a replay (index_replay.h), which writes no
 *                 owner and raises the highest offset of checkpoints
 *   definitions   definitions_sync, in a rebuild; `definitions put` and `sync`
 *
 * Why this is enough. Every step can run again and gives the same outcome: a batch whose connection failed finds its
 * own claims. A claim that was not committed before a crash is found by the run after it, which answers the same
 * command. An older copy of Redis under the same epoch, which was swapped in or read in again on a connection that
 * stays, has older checkpoints. The fence compares those of the batch's partitions, and the one that this index wrote
 * last. So a copy that is older than that one is noticed, also by commands of other partitions. A rebuild by another
 * worker may change a checkpoint of ours, too: then the audit finds nothing missing, and knows the checkpoint. A loss
 * before the confirmation voids the batch, as does another master. A loss after it does no harm: the rebuild waits for
 * transactions that have reached their commit, and then reads their records. A damaged key is not repaired alone, since
 * only the record topic knows what it held: the audit finds everything lost under that epoch, and the whole index is
 * rebuilt. */
#ifndef WORKER_INDEX_INDEX_H
#define WORKER_INDEX_INDEX_H

#include "common/complaint.h"
#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/definitions/definitions_cache.h"
#include "worker/kafka/offsets.h"
#include "worker/model/batch.h"

struct index;

/* New, not yet connected, or NULL when out of memory. */
MUST_CHECK struct index *index_open(const struct config *config);
void index_close(struct index *index);

/* Connects if there is no connection. Checks an existing one once a second: whether it answers, whether the epoch is
 * the same, and whether the Sentinels still name its server. True if Redis can be used. Logs once that Redis is away,
 * and once that it is back. */
MUST_CHECK bool index_connect(struct index *index);

/* True if Redis answers but refused the last command (no right, no memory, read-only). */
bool index_is_refused(const struct index *index);

/* NULL, or, if Redis was last found to belong to another record topic, whose it is and what to do about it. Then
 * nothing is claimed or rebuilt. Valid until the next audit. */
const char *index_foreign(const struct index *index);

/* True while the last audit holds. The stages below are false without one. */
bool index_is_verified(const struct index *index);

/* Makes the index stale without a log line: the assignment has changed. */
void index_mark_stale(struct index *index);

/* Redis may have claims that are not in the record topic: it is rebuilt as a whole before the next claim. The epoch
 * that the next audit finds is not trusted, even if it comes back later with an old file or a replica. */
void index_distrust(struct index *index);

/* For programs without Kafka, in place of an audit: takes Redis as complete. Makes an epoch if there is none, and makes
 * this index the owner of partitions 0 to `partitions` - 1, at most 64. */
MUST_CHECK bool index_trust(struct index *index, int32_t partitions);

/* Called several times a second while a call takes longer than a few round trips, so that the caller can keep its own
 * connections alive. False: the call must give up for now. */
typedef bool index_keep_going(void *listener);

/* It hears when Redis is away, and when it is back. Borrowed. */
void index_set_complaint(struct index *index, struct complaint *complaint);

/* The keep_going of index_claim. It may drop items of the batch. Without one, index_claim does not give up. */
void index_set_keep_going(struct index *index, index_keep_going *keep_going, void *listener);

/* Looks up item->definitions for the items that are still undecided. *known: how many of the batch's own items, the
 * first ones, have what they need: all, unless the cache is full (definitions_cache_is_full), but at least one. The
 * caller puts the others off. False: run it again after index_connect and, if the index is stale, an audit. */
MUST_CHECK bool index_definitions(struct index *index, struct definitions_cache *cache, struct batch *batch,
                                  uint32_t *known);

/* Claims id and email of every valid item, in order. Looks up the ids of rejected items whose verdict an earlier client
 * could change. Afterwards no item is OUTCOME_UNDECIDED. False: as index_definitions; nothing was decided, and the next
 * run finds the claims that Redis holds. */
MUST_CHECK bool index_claim(struct index *index, struct batch *batch);

/* Whether the command can be decided now. On a cluster its slot may have to wait, or its partition; the caller holds it
 * back then, with the later commands of its partition. On one server always true. */
bool index_may_decide(const struct index *index, const struct item *item);

/* Whether the index is verified, lost and rebuilt in parts (a cluster), so that a rebuild covers some of it only. */
bool index_is_in_parts(const struct index *index);

/* Call after everything was sent, including the offsets, and before the commit. True if the outcomes are still valid. A
 * loss of data after this call does no harm, since a rebuild waits for transactions that have come this far. False:
 * abort the transaction and evaluate the batch again. batch->nonce is that of the commit. */
MUST_CHECK bool index_confirm(struct index *index, struct batch *batch);

/* After the commit: writes the checkpoints of the batch's partitions. `record_ends` are the offsets behind the records
 * that the transaction wrote, `nonce` is that of the marks of its offsets. If this fails, the next audit finds the
 * checkpoint behind. If an end is not beyond the one that was known before the transaction, the record topic was
 * replaced: as index_distrust. */
void index_checkpoint(struct index *index, struct batch *batch, const struct offsets *record_ends, int64_t nonce);

/* Whether Redis may drop keys when it is full, be it only those with a time to live, which clients do not have. Asks
 * it on each new connection and once a minute; logged when that begins and when it ends. What was known stays if Redis
 * does not say, since the user may not ask; at first that is false. On a cluster always false. */
bool index_may_evict(struct index *index);

/* Connections lost and answers that asked for a retry, since index_open. */
uint64_t index_retries(const struct index *index);

#endif
