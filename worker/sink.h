/* sink: where replies, records and dead letters go, together with the offsets that they answer: one Kafka transaction
 * per batch. In at-least-once mode there is no transaction; the sink then waits until all are delivered. */
#ifndef WORKER_SINK_H
#define WORKER_SINK_H

#include <librdkafka/rdkafka.h>

#include "worker/batch.h"
#include "worker/config.h"

struct sink;

enum sink_result {
    SINK_DONE,    /* what was asked has happened */
    SINK_LATER,   /* no answer yet; the same call again resumes it */
    SINK_ABORTED, /* the transaction is undone; the batch may be sent again */
    SINK_BROKEN   /* this producer is of no more use: close and open it; nothing of the batch counts, or all of it */
};

/* New, or NULL after the reason was logged. `batch` must outlive the sink. */
struct sink *sink_open(const struct config *config, unsigned thread, struct batch *batch);
void sink_close(struct sink *sink);

/* Fences an earlier producer of the same transactional id, ends what it left open, and learns the output topics.
 * Waits up to `wait_ms` for each. SINK_DONE (at once if it was
 * done before), SINK_LATER or SINK_BROKEN. */
enum sink_result sink_prepare(struct sink *sink, int wait_ms);

/* Begins the transaction and hands everything that the batch gives to librdkafka. SINK_DONE, SINK_ABORTED or
 * SINK_BROKEN. */
enum sink_result sink_send(struct sink *sink);

/* Ends the transaction with the source's offsets, under the authority of `group`. Waits about `wait_ms`. */
enum sink_result sink_commit(struct sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                             const rd_kafka_consumer_group_metadata_t *group, int wait_ms);

/* True if the last transaction came as far as its commit: whatever librdkafka says afterwards, an abort included
 * ("commit succeeded on broker but had already failed locally"), the broker may have committed it. */
bool sink_commit_was_tried(const struct sink *sink);

/* True after a commit whose outcome was in doubt for a while: librdkafka has no KIP-890, so a late EndTxn of this
 * producer could end a later transaction. Close and open the sink before the next batch. */
bool sink_is_suspect(const struct sink *sink);

#endif
