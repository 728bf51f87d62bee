/* source: where commands come from. One consumer in the worker's group; it fills the batch, holds the messages that the
 * batch's spans point into, and knows which partitions are ours.
 *
 * Partitions come and go only inside source_fill and source_pause, where the group's rebalances are served. Items of a
 * partition that is taken away become CUSTODY_REVOKED: its next owner will consume them again. */
#ifndef WORKER_SOURCE_SOURCE_H
#define WORKER_SOURCE_SOURCE_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/index/index_audit.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"

struct source;

/* Joins the group. New, or NULL after the reason was logged. `batch` must outlive the source, and so must `metrics`, in
 * which it shows its partitions' lag. */
MUST_CHECK struct source *source_open(const struct config *config, unsigned thread, struct batch *batch,
                                      struct metrics *metrics);

/* Leaves the group and frees everything, the batch's messages included. */
void source_close(struct source *source);

/* Waits up to `wait_ms` for a command, then takes what is there without waiting, up to the batch's limits and `most`
 * commands. The batch must be empty. Commands of a partition that was assigned to us come once the group has told what
 * it has committed of it. Returns 0 (the batch may still be empty), or -1 if the consumer is of no more use: close and
 * open it. */
MUST_CHECK int source_fill(struct source *source, uint32_t most, int wait_ms);

/* Stays in the group for `wait_ms` without taking commands, the batch in hand: for the time when Redis or Kafka is
 * away. Returns as source_fill. After it, source_resume before the next fill. */
MUST_CHECK int source_pause(struct source *source, int wait_ms);
/* Tried again by source_fill if librdkafka does not tell what is assigned. */
void source_resume(struct source *source);

/* The same without waiting, between two tries of a transaction's step: source_group stays what it was, so that the
 * transaction has no more authority than when it began. A consumer that failed is found by the next fill or hold. */
void source_poll(struct source *source);

/* How often partitions were assigned to us, so far. */
uint64_t source_assignments(const struct source *source);

/* How often it was found, so far, that commands behind the group's offset are gone with their log: it was replaced, or
 * records were deleted. Once for each offset, however often the partition is taken. Who was killed before it committed
 * them may have left their claims. */
uint64_t source_losses(const struct source *source);

/* The partitions that are ours now: new, to be freed, or NULL after the reason was logged. */
MUST_CHECK int32_t *source_partitions(struct source *source, int32_t *count);

/* What Kafka knows (index_audit.h), of every partition of the command topic, ours or not. *progress is replaced. False
 * if it gave no answer; each of the questions that this takes is waited for up to `wait_ms`. */
MUST_CHECK bool source_ask_progress(struct source *source, int wait_ms, struct kafka_progress *progress);

/* False for a while after this process stood still (frozen, or the machine asleep) for so long that the group may have
 * given our partitions to others: only the next calls of source_pause can tell. */
bool source_is_sure(const struct source *source);

/* True from when no broker could be reached until one answers. */
bool source_is_cut_off(const struct source *source);

/* The offsets that the batch brings, of its items that are ours. New; may be empty. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_offsets(struct source *source);

/* These offsets were committed in a transaction. */
void source_note_committed(struct source *source, const rd_kafka_topic_partition_list_t *offsets);

/* While there are no commands: offsets that are to be committed all the same, since only transaction markers stand in
 * front of them, or since the partition has no committed offset yet. New, or NULL if there are none, or if that was
 * asked less than a second ago. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_idle_offsets(struct source *source);

enum reconcile_result {
    RECONCILE_FAILED,    /* the group gave no answer */
    RECONCILE_OPEN,      /* what is left of the batch is to be sent again */
    RECONCILE_COMMITTED, /* the batch's offsets are committed, and with them all that it gave */
};

/* After a transaction that was not committed as far as we know, and once the next producer has ended it: asks the group
 * which offsets are committed. Items below them have been answered after all: they become CUSTODY_ANSWERED. Where an
 * offset is lower than we committed it, the partition is taken anew from there: its commands have to be answered again.
 * `in_doubt`: the transaction may have been committed. Waits up to `wait_ms`. */
MUST_CHECK enum reconcile_result source_reconcile(struct source *source, bool in_doubt, int wait_ms);

/* The group's metadata as it was when the batch was filled or last held, so that a transaction cannot commit offsets
 * with the authority of a later generation. Borrowed. NULL before the first fill. */
const rd_kafka_consumer_group_metadata_t *source_group(const struct source *source);

/* At-least-once: commits the batch's offsets, waiting for the answer. False, after logging, if the group refused: the
 * commands will come again. */
MUST_CHECK bool source_commit(struct source *source);
/* The same with these offsets. */
MUST_CHECK bool source_commit_offsets(struct source *source, rd_kafka_topic_partition_list_t *offsets);

/* Puts off the item, and those of its partition behind it: they become CUSTODY_POSTPONED and come again
 * in a later one. Only this partition waits; it is paused until all that it put off has been answered. False, and
 * nothing is done, if the command is `limit_ms` old by its timestamp, or the partition has waited so long already: so
 * commands that come one by one are not each waited for in turn, and no partition falls behind by more than the limit.
 */
bool source_postpone(struct source *source, uint32_t index, int64_t limit_ms);

/* Puts off all items but the first `most` that are ours, for the next batches; order is kept in each
 * partition. Returns how many. */
uint32_t source_put_off(struct source *source, uint32_t most);

/* How many partitions wait for definitions. */
uint32_t source_waiting(const struct source *source);

/* Gives the batch's messages back, but for those put off, and empties the batch. */
void source_release(struct source *source);

#endif
