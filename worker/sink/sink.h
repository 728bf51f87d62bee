/* sink: sends a batch's replies, records and dead letters, and commits them with the batch's offsets in one Kafka
 * transaction. In at-least-once mode there is no transaction: first the records and dead letters arrive, then the
 * replies, then the offsets are committed. When a batch is sent again, messages that have arrived are left out (enum
 * arrival).
 *
 * The folder worker/sink holds the producing side of a worker: the producer, its transactions, and the reply topics. It
 * may use librdkafka and the folders before it in docs/design.md. */
#ifndef WORKER_SINK_SINK_H
#define WORKER_SINK_SINK_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/offsets.h"
#include "worker/model/batch.h"
#include "worker/sink/reply_topics.h"
#include "worker/sink/size_limits.h"

/* The most commands in a transaction whose messages are sent one by one, which takes a round trip for every few
 * messages. With a broker that is 100 ms away, the two messages of each command still arrive before
 * transaction.timeout.ms and message.timeout.ms expire. */
#define SINGLE_COMMANDS 200

struct sink;

enum sink_result {
    SINK_DONE,    /* the step succeeded */
    SINK_LATER,   /* no answer yet: call the same function again */
    SINK_ABORTED, /* the transaction was aborted: the batch may be sent again */
    SINK_BROKEN   /* producer unusable: close and reopen. The batch was committed entirely or not at all */
};

/* New, or NULL after the reason was logged. `name` is added to the prefix of transactional.id. `topics`, `batch`,
 * `limits` and `fault` must outlive the sink. `single`: each message is sent in a request of its own, so a message that
 * the broker refuses for its size is too large by itself. `limits`: the sizes that topics have refused. `fault`: logged
 * once when the producer fails and once when it has recovered, even if that takes several producers. */
MUST_CHECK struct sink *sink_open(const struct config *config, const char *name, struct reply_topics *topics,
                                  struct batch *batch, bool single, struct size_limits *limits,
                                  struct log_fault *fault);
void sink_close(struct sink *sink);

/* Shuts out an earlier producer of the same transactional id, ends its open transaction, and learns the output topics.
 * Waits up to `wait_ms` for each. SINK_DONE (at once if it was done before), SINK_LATER or SINK_BROKEN. */
MUST_CHECK enum sink_result sink_prepare(struct sink *sink, int wait_ms);

/* Begins the transaction and hands all messages of the batch to librdkafka. SINK_LATER if librdkafka's queue has been
 * full for about `wait_ms`; else SINK_DONE or SINK_BROKEN. */
MUST_CHECK enum sink_result sink_send(struct sink *sink, int wait_ms);

/* Adds the source's offsets to the transaction, under the group generation of `group`, and waits until every message
 * has arrived. From then on Kafka does not return the committed offsets of these partitions until the transaction has
 * ended. SINK_BROKEN if a connection was lost meanwhile: the next producer aborts the transaction. Waits about
 * `wait_ms`. Any result. */
MUST_CHECK enum sink_result sink_send_offsets(struct sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                                              const rd_kafka_consumer_group_metadata_t *group, int wait_ms);

/* Commits the transaction. Waits about `wait_ms`. Any result. */
MUST_CHECK enum sink_result sink_commit(struct sink *sink, int wait_ms);

/* Aborts the transaction. Waits about `wait_ms`. SINK_ABORTED, SINK_LATER or SINK_BROKEN. */
MUST_CHECK enum sink_result sink_abort(struct sink *sink, int wait_ms);

/* True if the broker refused a request for its size since sink_send, and the sink is not `single`: it is not known
 * which message was too large. */
bool sink_is_oversized(const struct sink *sink);

/* True if a client was refused for its size since sink_send (see item->record_form): the outcomes are void. After a
 * refused reply or dead letter another sink_send is enough. */
bool sink_has_refused_client(const struct sink *sink);

/* True if any message was refused for its size since sink_send: the next try differs from this one. */
bool sink_has_refused(const struct sink *sink);

/* For each partition of the record topic, the offset after the last record that the last transaction wrote; without
 * transactions, that this sink wrote. Borrowed. */
const struct offsets *sink_record_ends(const struct sink *sink);

/* True if a commit of the last transaction was tried: the broker may have committed it, even if librdkafka reports an
 * error or an abort afterwards ("commit succeeded on broker but had already failed locally"). */
bool sink_commit_was_tried(const struct sink *sink);

/* True if the sink must be closed and opened before the next batch, for one of two reasons. A commit was in doubt for a
 * while, or a connection was lost: librdkafka has no KIP-890, so a late EndTxn of this producer could end a later
 * transaction. Or commands have named so many reply topics that the producer, which forgets none, has grown large. */
bool sink_is_uncertain(const struct sink *sink);

#endif
