/* source_group: the group and our assignment. */
#ifndef WORKER_SOURCE_SOURCE_GROUP_H
#define WORKER_SOURCE_SOURCE_GROUP_H

#include "worker/source/source_state.h"

/* Librdkafka's callback, with the source as its opaque. */
void source_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque);

/* Call after each poll. Notices a stall between two polls (source_is_sure). */
void source_note_poll(struct source *source);

/* What is in hand and held of these partitions is no longer ours. */
void source_drop(struct source *source, const rd_kafka_topic_partition_list_t *partitions);

/* New, or NULL after the reason was logged. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_assignment(struct source *source);

/* Resets partitions that are assigned to us to their committed offsets, as if they had just been assigned. */
void source_reassign(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* Resets the partitions that have brought no command yet. If librdkafka cannot read a committed offset, it keeps the
 * partition but never fetches it; its error does not say which partition that is. */
void source_reassign_failed(struct source *source);

/* A batch was filled from a queue that may have been full: librdkafka fetches again. */
void source_wake_fetches(struct source *source);

void source_pause_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);
void source_resume_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);
/* Resumes the partitions, which are assigned to us, and reads them from their offsets on. What is known of them stays.
 */
void source_read_from(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* As source_reassign, to this offset. */
void source_reassign_at(struct source *source, int32_t partition, int64_t offset);

/* Resets partitions that are assigned to us to the beginning of their logs. */
void source_restart(struct source *source, rd_kafka_topic_partition_list_t *partitions);

#endif
