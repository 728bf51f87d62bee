/* source_open: the consumer is opened and closed. */
#ifndef WORKER_SOURCE_SOURCE_OPEN_H
#define WORKER_SOURCE_SOURCE_OPEN_H

#include "worker/source/source_state.h"

/* Subscribes to the command topic. Returns librdkafka's code. */
MUST_CHECK rd_kafka_resp_err_t source_subscribe(struct source *source);

/* False if librdkafka cannot safely destroy our consumers: they are closed and leaked. Before 2.3.0 it aborts when a
 * consumer is destroyed between joining and its first assignment (its issue #4312). Before 2.1.0 it waits without end
 * to destroy a consumer that lost partitions with their topic (#4187). */
bool source_may_destroy(const struct source *source);

#endif
