/* source: where commands come from. One consumer in the worker's group; it fills the batch, holds the messages that the
 * batch's spans point into, and knows which partitions are assigned to us.
 *
 * The folder worker/source holds the consuming side of a worker: the consumer, its partitions, and the checks of their
 * logs. It may use librdkafka and the folders before it in docs/design.md.
 *
 * Partitions are assigned and revoked only inside source_fill, source_pause and source_poll, which serve the group's
 * rebalances. Items of a revoked partition become CUSTODY_REVOKED: its next owner consumes them again. */
#ifndef WORKER_SOURCE_SOURCE_H
#define WORKER_SOURCE_SOURCE_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/index/index_audit.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"

struct source;

/* Joins the group. New, or NULL after the reason was logged. `batch` and `metrics` must outlive the source, which shows
 * the lag of its partitions in `metrics`. */
MUST_CHECK struct source *source_open(const struct config *config, unsigned thread, struct batch *batch,
                                      struct metrics *metrics);

/* Leaves the group and frees everything, including the batch's messages. */
void source_close(struct source *source);

/* Waits up to `wait_ms` for a command. Then takes the commands that are there without waiting, up to the batch's limits
 * and `most` commands. The batch must be empty. Commands of a newly assigned partition come once its committed offset
 * is known. Returns 0 (the batch may still be empty), or -1 if the consumer is unusable: close the source and open a
 * new one. */
MUST_CHECK int source_fill(struct source *source, uint32_t most, int wait_ms);

/* Call before anything is decided: waits until it is known that no commands were jumped over before those of the batch,
 * for a second at most, and for a fifth of a second without any answer. Commands for which that is not known then are
 * postponed, and those for which it is wrong leave the batch (source_jumps.c). */
void source_settle_jumps(struct source *source);

/* Stays in the group for `wait_ms` without taking commands, while Redis or Kafka is away. The batch may be filled.
 * Returns as source_fill. Partitions stay paused until source_resume or the next source_fill. */
MUST_CHECK int source_pause(struct source *source, int wait_ms);
/* If librdkafka does not return the assignment, source_fill tries again. */
void source_resume(struct source *source);

/* Like source_pause, without waiting, between two tries of a transaction's step. It does not refresh source_group, so
 * the transaction keeps the group generation with which it began. The next source_fill or source_pause reports a failed
 * consumer. */
void source_poll(struct source *source);

/* How often partitions were assigned to us so far. */
uint64_t source_assignments(const struct source *source);

/* How many losses were found so far. A loss means that commands after the committed offset are gone: their log was
 * replaced, or records were deleted. A worker that was killed before it committed them may have left their claims in
 * Redis. Until an offset of the partition is committed, its next owner finds the same loss. So Redis must be rebuilt
 * before that. */
uint64_t source_losses(const struct source *source);

/* Looks for losses now, in all partitions that are assigned to us, so that one rebuild covers all of them. */
void source_find_losses(struct source *source);

/* The partitions that are assigned to us now: new, to be freed; or NULL after the reason was logged. */
MUST_CHECK int32_t *source_partitions(struct source *source, int32_t *count);

/* Reads Kafka's progress (index_audit.h) of every partition of the command topic, whether assigned to us or not, into
 * *progress, which is replaced. Makes several requests and waits up to `wait_ms` for each. False if one got no answer.
 */
MUST_CHECK bool source_ask_progress(struct source *source, int wait_ms, struct kafka_progress *progress);

/* False after a stall longer than half the session timeout (the process was frozen, or the machine asleep), until the
 * next polls have shown whether we still own our partitions. */
bool source_is_sure(const struct source *source);

/* True from when no broker could be reached until one answers. */
bool source_is_cut_off(const struct source *source);

/* The offsets to commit with the batch: one for each partition of its items that are still ours. New; may be empty. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_offsets(struct source *source);

/* The nonce (log_mark.h) that is committed with the batch's offsets: above 0, or -1 if the system gave none. It stays
 * for all tries to commit the same outcomes. If the batch is evaluated again, it gets another one: then it is not
 * committed, and what was noted in Redis of that commit must not count for the next. */
int64_t source_nonce(const struct source *source);
void source_renew_nonce(struct source *source);

/* These offsets were committed in a transaction. */
void source_note_committed(struct source *source, const rd_kafka_topic_partition_list_t *offsets);

/* Offsets to commit while there are no commands: only transaction markers are in front of them, or the partition has no
 * committed offset yet. New; or NULL if there are none, or if the last call that looked was less than a second ago. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_idle_offsets(struct source *source);

enum reconcile_result {
    RECONCILE_FAILED,    /* the group gave no answer */
    RECONCILE_OPEN,      /* the rest of the batch must be sent again */
    RECONCILE_COMMITTED, /* the batch's offsets are committed, and all its messages with them */
};

/* Reads the committed offsets after a transaction that was not committed as far as we know, once the next producer has
 * ended it. Items below a committed offset have a reply: they become CUSTODY_ANSWERED. A partition whose committed
 * offset is lower than the one we committed is reset to it, and its commands are answered again. `in_doubt`: the
 * transaction may have been committed. Waits up to `wait_ms`. */
MUST_CHECK enum reconcile_result source_reconcile(struct source *source, bool in_doubt, int wait_ms);

/* The group's metadata as of the last source_fill or source_pause, so that a transaction cannot commit offsets under a
 * later generation. Borrowed. Kafka refuses them before the first assignment, and where it has removed the member. */
const rd_kafka_consumer_group_metadata_t *source_group(const struct source *source);

/* At-least-once: commits the batch's offsets and waits for the answer. False, after the reason was logged, if the
 * commit failed: the commands will come again. */
MUST_CHECK bool source_commit(struct source *source);
/* Like source_commit, with these offsets. */
MUST_CHECK bool source_commit_offsets(struct source *source, rd_kafka_topic_partition_list_t *offsets);

/* Postpones the item and the later items of its partition: they become CUSTODY_POSTPONED and come again in a later
 * batch. The partition is paused until all its postponed commands have been answered; other partitions do not wait.
 * False, and nothing is done, if the command is `limit_ms` old by its timestamp, or if the partition has waited that
 * long already. So no partition falls behind by more than the limit, even if each of its commands would have to wait.
 */
bool source_postpone(struct source *source, uint32_t index, int64_t limit_ms);

/* Postpones the item and the later items of its partition as source_postpone does, without a limit: Redis cannot decide
 * it now. */
void source_hold(struct source *source, uint32_t index);

/* What this worker has claimed for postponed commands may have been committed by another process meanwhile. */
void source_forget_claims(struct source *source);

/* Postpones all items but the first `most` that are ours, for the next batches. The order within each partition is
 * kept. Returns how many were postponed. */
uint32_t source_put_off(struct source *source, uint32_t most);

/* How many partitions wait for definitions. */
uint32_t source_waiting(const struct source *source);

/* Frees the batch's messages, keeps the postponed ones for later, and empties the batch. */
void source_release(struct source *source);

#endif
