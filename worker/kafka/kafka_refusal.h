/* kafka_refusal: what it means that a message is refused, by its topic or by librdkafka. */
#ifndef WORKER_KAFKA_KAFKA_REFUSAL_H
#define WORKER_KAFKA_KAFKA_REFUSAL_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* True if the topic takes no request of this size: its max.message.bytes is smaller, or its segment.bytes. */
static inline bool kafka_is_too_large(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

/* True if librdkafka has no room for the message though it has nothing else in hand: alone it is longer than
 * queue.buffering.max.kbytes. To wait for room would be of no use. */
static inline bool kafka_is_longer_than_queue(rd_kafka_t *producer, rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL && rd_kafka_outq_len(producer) == 0;
}

#endif
