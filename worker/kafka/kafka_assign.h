/* kafka_assign: rd_kafka_assign for consumers that replace their assignment, or close, whenever they like.
 *
 * A partition that is taken away is stopped in another thread of librdkafka. If it is taken away again before it has
 * stopped, by the next assignment or by the close, librdkafka stops it twice, and ends the process with the assertion
 * `rktp->rktp_started` (its issue 5573; every version up to 2.15.0). */
#ifndef WORKER_KAFKA_KAFKA_ASSIGN_H
#define WORKER_KAFKA_KAFKA_ASSIGN_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"

/* Assigns the partitions (NULL: none), and returns when those of the assignment before have stopped. */
MUST_CHECK rd_kafka_resp_err_t kafka_assign(rd_kafka_t *consumer, const rd_kafka_topic_partition_list_t *partitions);

#endif
