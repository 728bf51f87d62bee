/* index: the Redis index of clients and the definitions beside it. One connection per thread.
 *
 * Each stage is one pipeline: all commands of a batch are written, then all answers are read. When anything goes wrong
 * with the connection, what Redis did is unknown; the stage is run again as a whole, and gives the same outcome,
 * because a claim carries its source: whoever finds his own claim takes what is stored.
 *
 * Nothing is decided on a Redis that lost data, nor by a worker that lost its partitions. Redis holds, beside the
 * index, the epoch (redis_epoch.h), and for each partition of the command topic its owner, a name that the worker to
 * which the partition was assigned has given itself, and a checkpoint: how far the partition's commands are committed,
 * and up to which offsets of the record topic all records were in Redis by then. The index is *sound* after an audit of
 * these (index_audit.h) found that Redis has all that Kafka says is committed, and until the connection is lost or one
 * of the marks is not as it was left. Claims are one Redis transaction that Redis itself refuses when a mark changes
 * before it (WATCH), so that neither a flush nor a worker that was frozen for longer than its session can leave a claim
 * behind. Before the Kafka transaction is committed the marks are looked at once more. */
#ifndef WORKER_INDEX_INDEX_H
#define WORKER_INDEX_INDEX_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/definitions/definitions_cache.h"
#include "worker/kafka/offsets.h"
#include "worker/model/batch.h"

struct index;

/* New, not yet connected, or NULL when out of memory. */
MUST_CHECK struct index *index_open(const struct config *config);
void index_close(struct index *index);

/* Connects if there is no connection; asks one that is there, once a second, whether it still is, and has the epoch.
 * True if Redis can be asked. Says once that Redis is away, and once that it is back. */
MUST_CHECK bool index_connect(struct index *index);

/* Whether Redis, though it can be asked, refused what it was asked for last (no right, no memory, read-only). */
bool index_is_refused(const struct index *index);

/* True while the last audit holds. The stages below are false without one. */
bool index_is_verified(const struct index *index);

/* Asks for another audit, silently: the assignment has changed. */
void index_mark_stale(struct index *index);

/* Takes the epoch away, so that Redis is rebuilt as a whole before anything is claimed: it has claims that the record
 * topic does not tell of. False: again after index_connect. */
MUST_CHECK bool index_distrust(struct index *index);

/* For programs without Kafka: takes Redis for complete as it is, in place of an audit; makes the epoch if there is
 * none, and this index the owner of partitions 0 to `partitions` - 1, 64 at most. */
MUST_CHECK bool index_trust(struct index *index, int32_t partitions);

/* Called several times a second while a call lasts longer than some round trips: keeps its caller's connections alive.
 * False: give up for this time. */
typedef bool index_patience(void *listener);

/* The keep_going of index_claim. Items may be taken from us while it is called. Without one it waits. */
void index_set_patience(struct index *index, index_patience *keep_going, void *listener);

/* Looks up item->definitions for every item that is still undecided. False: run it again after index_connect and, if it
 * is not sound, an audit. */
MUST_CHECK bool index_definitions(struct index *index, struct definitions_cache *cache, struct batch *batch);

/* Claims id and email of every valid item, in order, and looks up the ids of the others whose verdict an earlier client
 * could change. Afterwards no item is OUTCOME_UNDECIDED. False: as index_definitions; nothing was decided, and what
 * Redis holds is found again. */
MUST_CHECK bool index_claim(struct index *index, struct batch *batch);

/* After everything was sent, and the offsets with it, before the commit: whether the outcomes still stand. A loss of
 * data after this cannot harm: whoever rebuilds Redis waits for transactions that have come so far. False: the
 * transaction must be aborted, and the batch judged anew. */
MUST_CHECK bool index_confirm(struct index *index, struct batch *batch);

/* After the commit: notes how far the batch's partitions are. `record_ends` are the offsets behind the records that the
 * transaction wrote. What cannot be noted now is found by the next audit. */
void index_checkpoint(struct index *index, struct batch *batch, const struct offsets *record_ends);

/* Connections lost and answers that asked for a retry, since it was opened. */
uint64_t index_retries(const struct index *index);

#endif
