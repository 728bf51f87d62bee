/* source_fill: the fill, for the files that put something into a batch or take it away (source.c). */
#ifndef WORKER_SOURCE_SOURCE_FILL_H
#define WORKER_SOURCE_SOURCE_FILL_H

#include "worker/source/source_state.h"

/* The partition, in a list that the caller destroys. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_one_partition(const struct source *source, int32_t partition);

/* Handles an error that came in place of a message. Most are temporary; a fatal one ends the consumer. */
void source_error(struct source *source, const rd_kafka_message_t *message);

/* Takes the message: puts it into the batch, or drops it. It is held instead if `hold` says so, or if its partition
 * waits. */
void source_receive(struct source *source, rd_kafka_message_t *message, bool hold);

/* Pauses all partitions, if they are not, and serves the group and its rebalances. Asks Kafka nothing. */
void source_serve_paused(struct source *source, int wait_ms);

void source_log_error(const char *event, rd_kafka_resp_err_t code);

#endif
