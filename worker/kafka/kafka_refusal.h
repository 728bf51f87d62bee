/* kafka_refusal: what a topic's answer to a message means. */
#ifndef WORKER_KAFKA_KAFKA_REFUSAL_H
#define WORKER_KAFKA_KAFKA_REFUSAL_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* True if the topic takes no request of this size: its max.message.bytes is smaller, or its segment.bytes. */
static inline bool kafka_is_too_large(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

#endif
