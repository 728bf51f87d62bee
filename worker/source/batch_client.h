/* batch_client: a consumer outside the group that fetches single batches of one topic's log, from any offset of any of
 * its partitions. batch_reader and parse_probe read with it.
 *
 * Librdkafka's functions for single partitions are used: their beginning and end wait for no broker. */
#ifndef WORKER_SOURCE_BATCH_CLIENT_H
#define WORKER_SOURCE_BATCH_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"

struct batch_client {
    rd_kafka_t *handle; /* NULL: not open */
    rd_kafka_topic_t *topic;
    const char *name; /* of the topic; borrowed */
};

struct batch_client_options {
    const char *isolation;        /* isolation.level */
    const char *fetch_bytes;      /* max.partition.fetch.bytes. "1": a fetch returns one batch */
    const char *error_backoff_ms; /* fetch.error.backoff.ms */
    const char *debug;            /* NULL: none */
    void (*on_log)(const rd_kafka_t *handle, int level, const char *facility, const char *text); /* NULL: our log */
    void *opaque;                                                                                /* of the handle */
};

/* False with the reason in `error`; then there is nothing to close. Connects when it first reads. `topic` must outlive
 * it. */
MUST_CHECK bool batch_client_open(struct batch_client *client, const struct config *config, const char *topic,
                                  const struct batch_client_options *options, char *error, size_t error_size);
/* may_destroy: as source_may_destroy says of the other consumers; otherwise handle and threads stay until the process
 * ends. */
void batch_client_close(struct batch_client *client, bool may_destroy);

/* What is fetched of the partition from the offset on; the caller gives it to batch_client_end. NULL after the reason
 * was logged. Does not wait. */
MUST_CHECK rd_kafka_queue_t *batch_client_begin(struct batch_client *client, int32_t partition, int64_t offset);
void batch_client_end(struct batch_client *client, int32_t partition, rd_kafka_queue_t *queue);

/* Before 2.2.0 librdkafka may look at a partition only a second after its reading began, or after the marker of a
 * transaction has filled its queue, when it has nothing else to do. A query gives it something to do. */
struct batch_wake {
    int64_t since_ms; /* when the waiting began, or when librdkafka was last woken */
    int64_t pause_ms; /* until the next wake; longer each time */
};

/* The waiting begins now. */
struct batch_wake batch_wake_begin(void);
/* Wakes librdkafka, if it is one that sleeps and the time has come. */
void batch_client_wake(struct batch_client *client, int32_t partition, struct batch_wake *wake);

#endif
