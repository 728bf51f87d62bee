/* message_copy: a consumed message that is kept for longer than a batch.
 *
 * The key and the value of a message of librdkafka's point into the response of the broker that it came in, with up to
 * fetch.max.bytes of other messages, or into its decompressed batch. Each message keeps all of that. A copy keeps
 * nothing but itself: key, value, place, timestamp, and all headers, parsed.
 *
 * A copy is a rd_kafka_message_t, so that code that reads partition, offset, key and value need not know which of the
 * two it is. It must not be passed to librdkafka. */
#ifndef WORKER_KAFKA_MESSAGE_COPY_H
#define WORKER_KAFKA_MESSAGE_COPY_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/model/batch.h"

/* New, to be freed by message_copy_free. `message` is librdkafka's and stays as it is. */
MUST_CHECK rd_kafka_message_t *message_copy_new(rd_kafka_message_t *message);
void message_copy_free(rd_kafka_message_t *copy);

MUST_CHECK bool message_is_copy(const rd_kafka_message_t *message);

/* The memory that the copy takes, about. It is never more than message_copy_estimate of the item that was made of the
 * message. */
size_t message_copy_bytes(const rd_kafka_message_t *copy);
size_t message_copy_estimate(const struct item *item);

/* The headers of the copy: borrowed. NULL: there are none, or see *state. */
const rd_kafka_headers_t *message_copy_headers(const rd_kafka_message_t *copy, enum header_state *state);

/* Of a copy or of librdkafka's message: milliseconds since 1970, or -1 if it has no timestamp. */
int64_t message_timestamp(const rd_kafka_message_t *message);

#endif
