/* source_member: whether the partitions are still ours. */
#ifndef WORKER_SOURCE_SOURCE_MEMBER_H
#define WORKER_SOURCE_SOURCE_MEMBER_H

#include "worker/source/source_state.h"

/* Metadata that Kafka refuses: of no member. New. */
MUST_CHECK rd_kafka_consumer_group_metadata_t *source_no_group(const struct config *config);

/* Call at the beginning of each rebalance in which nothing is lost. Reads the group's metadata. If the consumer has
 * become another member and kept its partitions, nothing in hand is ours any more, and the source must be opened again.
 */
void source_note_member(struct source *source);

/* The partitions are lost, and librdkafka has told so. Kafka refuses the metadata that we have. */
void source_forget_member(struct source *source);

/* Takes over the metadata of the last rebalance, if there was one. */
void source_refresh_group(struct source *source);

/* The same while the batch waits. Without a rebalance it reads the metadata again, if the consumer is still the member
 * of the last one. If its partitions are those of a member that is forgotten, nothing in hand is ours any more, and the
 * source must be opened again. */
void source_follow_generation(struct source *source);

#endif
