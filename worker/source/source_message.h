/* source_message: the messages that the source holds. Most are librdkafka's. Those that are kept for longer than a
 * batch are copies (message_copy.h). A placeholder stands for a command
 * that librdkafka cannot read, of which only the position is known. It keeps its place in the partition's order until
 * the command is answered.
 *
 * A placeholder has a partition, an offset, and RD_KAFKA_RESP_ERR__BAD_COMPRESSION. It must not be passed to
 * librdkafka.
 */
#ifndef WORKER_SOURCE_SOURCE_MESSAGE_H
#define WORKER_SOURCE_SOURCE_MESSAGE_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/kafka/log_mark.h"
#include "worker/model/batch.h"

/* New; source_message_destroy frees it. */
MUST_CHECK rd_kafka_message_t *placeholder_new(int32_t partition, int64_t offset);

/* True for a placeholder. `message` is held or in the batch. */
MUST_CHECK bool message_is_placeholder(const rd_kafka_message_t *message);

/* Milliseconds since 1970, or -1 if the message has no timestamp. */
int64_t source_message_timestamp(const rd_kafka_message_t *message);

/* What tells the message from others of its partition: its offset, timestamp and value. Nothing of it is answered. */
struct log_mark source_message_mark(const rd_kafka_message_t *message);

/* What tells a log by its answer for `place`: a command at that offset or behind it, or
 * RD_KAFKA_RESP_ERR__BAD_COMPRESSION. Nothing is answered. `limit`: the client's receive.message.max.bytes. */
struct log_mark source_message_place_mark(const rd_kafka_message_t *message, int64_t place, int64_t limit);

/* The same, for the mark of a command. */
struct log_mark source_place_mark(const struct log_mark *command, int64_t place);

/* Adds the message to the batch, as an item that refers to it: it must live as long as the batch. There must be room
 * for an item. */
void source_message_take(struct batch *batch, const char *topic, rd_kafka_message_t *message);

void source_message_destroy(rd_kafka_message_t *message);

#endif
