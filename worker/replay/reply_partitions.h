/* reply_partitions: the partitions in which replies to commands may be: those of replies.topic, and of all existing
 * topics that replies.allowed matches. */
#ifndef WORKER_REPLAY_REPLY_PARTITIONS_H
#define WORKER_REPLAY_REPLY_PARTITIONS_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* A partition that has offsets from `from` to the one before `to`. */
struct reply_partition {
    uint16_t topic; /* its number among `topics` */
    int32_t partition;
    int64_t from, to;
};

struct reply_partitions {
    char **topics; /* sorted */
    uint32_t topic_count;
    struct reply_partition *items; /* by topic and partition */
    size_t count;
    int64_t total; /* offsets of all of them */
};

/* Fills an empty one: from the first reply with the timestamp `since_ms` or a later one (0: from the start) to the last
 * stable offset at this moment. Logs if replies.topic does not exist. `wait_ms`: for each answer of Kafka. False with
 * the reason in `error`. Call reply_partitions_free in either case. */
MUST_CHECK bool reply_partitions_find(struct reply_partitions *partitions, const struct config *config,
                                      rd_kafka_t *consumer, int64_t since_ms, int wait_ms, char *error,
                                      size_t error_size);

void reply_partitions_free(struct reply_partitions *partitions);

#endif
