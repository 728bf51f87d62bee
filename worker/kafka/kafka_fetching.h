/* kafka_fetching: how librdkafka goes on fetching after its queue of fetched messages was full. */
#ifndef WORKER_KAFKA_KAFKA_FETCHING_H
#define WORKER_KAFKA_KAFKA_FETCHING_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* True with librdkafka before 2.2.0: it looks at the queue again only after a second, or when it has something else to
 * do. A query gives it something to do, so its readers send one. Later versions have fetch.queue.backoff.ms. */
static inline bool kafka_fetching_needs_wakes(void)
{
    return rd_kafka_version() < 0x020200ff;
}

#endif
