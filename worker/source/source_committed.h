/* source_committed: what the group has committed. */
#ifndef WORKER_SOURCE_SOURCE_COMMITTED_H
#define WORKER_SOURCE_SOURCE_COMMITTED_H

#include "worker/source/source_state.h"

/* Asks for the committed offset of the partition if it is not known. False if there was no answer. */
MUST_CHECK bool source_knows_group(struct source *source, int32_t partition);

/* Reads the committed offsets and marks of those of these partitions whose group is GROUP_UNASKED. */
void source_ask_group_of(struct source *source, const rd_kafka_topic_partition_list_t *partitions);

/* rd_kafka_committed. Nothing goes on without the answer, so each try without one lengthens the next wait. */
rd_kafka_resp_err_t source_ask_committed(struct source *source, rd_kafka_t *observer,
                                         rd_kafka_topic_partition_list_t *partitions, int wait_ms);

/* While partitions are paused: asks for the committed offsets of those that were assigned since. */
void source_ask_group(struct source *source);

/* Write and read the mark in the metadata of an offset. */
void source_mark_offset(rd_kafka_topic_partition_t *place, const struct log_mark *mark);
MUST_CHECK bool source_read_mark(const rd_kafka_topic_partition_t *place, struct log_mark *mark);

#endif
