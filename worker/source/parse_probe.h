/* parse_probe: finds out whether librdkafka can parse what a topic's log has at an offset, by a client outside the
 * group.
 *
 * Librdkafka cannot parse each batch that Apache Kafka takes: a record whose key or value has a length below -1, which
 * Kafka reads as null; or a gzip stream of several members, of which librdkafka decompresses the first one only. It
 * then fetches the same offset again and again, and tells nobody: there is no message, no error, and no end. Only the
 * log lines of its debug contexts tell. This client has them on, and reads them in the callback of its log:
 *
 *   fetch     "Fetch topic T [P] at offset N": the offset that the next fetch is for. All before it was passed. So what
 *             is slow, or has no message for long, such as an aborted transaction, differs from what is stuck.
 *   protocol  "PROTOUFLOW ... (rd_kafka_msgset_reader_msg_v2:LINE): expected N bytes": a record could not be parsed.
 *             That function reads the records of a batch that is there completely, and whose checksum is right
 *             (check.crcs). A batch that the broker has cut off fails in another function.
 *   msg       "Skip offset N": a record in front of the offset, in the same batch.
 *
 * An offset counts as failed if two fetches for it in a row end so: then neither gave a message, since a message moves
 * the next fetch on. If another version of librdkafka has other lines, nothing counts as failed.
 *
 * The statistics would tell the fetched offset too, but not why it does not move. */
#ifndef WORKER_SOURCE_PARSE_PROBE_H
#define WORKER_SOURCE_PARSE_PROBE_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"

struct parse_probe;

/* New, or NULL with the reason in `error`. Connects when it first reads. `topic` must outlive it. */
MUST_CHECK struct parse_probe *parse_probe_open(const struct config *config, const char *topic, char *error,
                                                size_t error_size);
/* may_destroy: as source_may_destroy says; otherwise the client stays until the process ends. NULL is taken, too. */
void parse_probe_close(struct parse_probe *probe, bool may_destroy);

/* Begins to read the partition at the offset, in place of what was read before. False after the reason was logged. */
MUST_CHECK bool parse_probe_begin(struct parse_probe *probe, int32_t partition, int64_t offset);

/* Ends what is read, if anything is. */
void parse_probe_end(struct parse_probe *probe);

struct parse_finding {
    enum {
        PARSE_PENDING,  /* neither of the others yet */
        PARSE_ANSWERED, /* a message came, an end, or an error: see `error` */
        PARSE_FAILED    /* librdkafka cannot parse what the log has at `offset` */
    } kind;
    rd_kafka_resp_err_t error;
    int64_t offset; /* the one that librdkafka fetches; nothing before it had a message; -1: it fetches none yet */
    bool is_cut; /* PARSE_FAILED: the records end before the batch does, so that all of the batch from here on fails */
    int64_t lowest; /* an offset of the same batch, before `offset`: the lowest one. PARSE_FAILED, or PARSE_ANSWERED by
                     * the message at the offset that was asked for; -1: none is known */
};

/* What is known by now. Does not wait. After PARSE_ANSWERED nothing is read any more. */
MUST_CHECK struct parse_finding parse_probe_take(struct parse_probe *probe);

/* Reads at the offset for `wait_ms` at most, and ends that. PARSE_PENDING: without a result; `offset` tells how far it
 * came. */
MUST_CHECK struct parse_finding parse_probe_look(struct parse_probe *probe, int32_t partition, int64_t offset,
                                                 int wait_ms);

/* True if the log of the partition that was read last surely has nothing at the offset. A question that waits. */
MUST_CHECK bool parse_probe_is_outside(struct parse_probe *probe, int64_t offset);

#endif
