/* source_message: the messages that the source holds. Most are librdkafka's. Of a command that librdkafka cannot read
 * only the position is known: a placeholder stands for it, in the order of its partition, until it is answered.
 *
 * A placeholder has partition, offset, and RD_KAFKA_RESP_ERR__BAD_COMPRESSION; librdkafka's functions must not get it.
 */
#ifndef WORKER_SOURCE_SOURCE_MESSAGE_H
#define WORKER_SOURCE_SOURCE_MESSAGE_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"

/* New; source_message_destroy frees it. */
MUST_CHECK rd_kafka_message_t *placeholder_new(int32_t partition, int64_t offset);

/* Of a message that is held or in the batch. */
MUST_CHECK bool message_is_placeholder(const rd_kafka_message_t *message);

/* Milliseconds since 1970, or -1 if the message has no timestamp. */
int64_t source_message_timestamp(const rd_kafka_message_t *message);

void source_message_destroy(rd_kafka_message_t *message);

#endif
