/* sink: where replies, records and dead letters go, together with the offsets that they answer: one Kafka transaction
 * per batch. In at-least-once mode there is no transaction; the sink then waits until all are delivered. */
#ifndef WORKER_SINK_SINK_H
#define WORKER_SINK_SINK_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/offsets.h"
#include "worker/model/batch.h"
#include "worker/sink/reply_topics.h"
#include "worker/sink/size_limits.h"

struct sink;

enum sink_result {
    SINK_DONE,    /* what was asked has happened */
    SINK_LATER,   /* no answer yet; the same call again resumes it */
    SINK_ABORTED, /* the transaction is undone; the batch may be sent again */
    SINK_BROKEN   /* this producer is of no more use: close and open it; nothing of the batch counts, or all of it */
};

/* New, or NULL after the reason was logged. `topics` and `batch` must outlive the sink. `single`: every message travels
 * alone, so that what the broker refuses for its size is too large by itself, and not in the company of others.
 * `limits` and `fault` outlive it, too: what reply topics have refused, and a fault that says once that sending fails,
 * whatever number of producers it takes until it goes on. */
MUST_CHECK struct sink *sink_open(const struct config *config, unsigned thread, struct reply_topics *topics,
                                  struct batch *batch, bool single, struct size_limits *limits,
                                  struct log_fault *fault);
void sink_close(struct sink *sink);

/* Fences an earlier producer of the same transactional id, ends what it left open, and learns the output topics. Waits
 * up to `wait_ms` for each. SINK_DONE (at once if it was done before), SINK_LATER or SINK_BROKEN. */
MUST_CHECK enum sink_result sink_prepare(struct sink *sink, int wait_ms);

/* Begins the transaction and hands everything that the batch gives to librdkafka. SINK_LATER if librdkafka's queue has
 * been full for about `wait_ms`; else SINK_DONE or SINK_BROKEN. */
MUST_CHECK enum sink_result sink_send(struct sink *sink, int wait_ms);

/* Puts the source's offsets into the transaction, under the authority of `group`: from then on nobody is told what the
 * group has committed of these partitions until the transaction has ended; and waits until every message has arrived.
 * SINK_BROKEN if a connection broke meanwhile: the next producer undoes the transaction. Waits about `wait_ms`. Any
 * result. */
MUST_CHECK enum sink_result sink_send_offsets(struct sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                                              const rd_kafka_consumer_group_metadata_t *group, int wait_ms);

/* Ends the transaction. Waits about `wait_ms`. Any result. */
MUST_CHECK enum sink_result sink_commit(struct sink *sink, int wait_ms);

/* Undoes the transaction. Waits about `wait_ms`. SINK_ABORTED, SINK_LATER or SINK_BROKEN. */
MUST_CHECK enum sink_result sink_abort(struct sink *sink, int wait_ms);

/* True if the broker refused a message for its size since sink_send, and not `single`: nobody knows which one it was.
 */
bool sink_is_oversized(const struct sink *sink);

/* True if a client was refused for its size since sink_send (item->record_form tells which): the outcomes do not stand.
 * A reply or a dead letter that is refused needs another sink_send only. */
bool sink_has_refused_client(const struct sink *sink);

/* True if any message was refused for its size since sink_send: the next try is another one than this. */
bool sink_has_refused(const struct sink *sink);

/* For each partition of the record topic the offset behind the last record that this sink wrote. Borrowed. */
const struct offsets *sink_record_ends(const struct sink *sink);

/* True if the last transaction came as far as its commit: whatever librdkafka says afterwards, an abort included
 * ("commit succeeded on broker but had already failed locally"), the broker may have committed it. */
bool sink_commit_was_tried(const struct sink *sink);

/* True after a commit whose outcome was in doubt for a while: librdkafka has no KIP-890, so a late EndTxn of this
 * producer could end a later transaction; and if commands have named so many reply topics that the producer, which
 * forgets none, has grown large. Close and open the sink before the next batch. */
bool sink_is_uncertain(const struct sink *sink);

#endif
