/* source_held: postponed commands, and what is kept of them. */
#ifndef WORKER_SOURCE_SOURCE_HELD_H
#define WORKER_SOURCE_SOURCE_HELD_H

#include "worker/source/source_state.h"

/* Postpones the item and the later items of its partition, which waits. Returns how many. */
uint32_t source_put_off_from(struct source *source, uint32_t index, bool was_waiting);

/* Adds the batch's message to `postponed`, or destroys it. A partition without definitions keeps copies only. */
void source_keep(struct source *source, struct held_messages *postponed, uint32_t index);

/* Drops librdkafka's messages, and those behind them, of partitions without definitions. They arrived before. */
void source_drop_fetched(struct source *source);

/* True if the message, which has just arrived, must be dropped: its partition has no definitions, or was cut. */
MUST_CHECK bool source_drop_waiting(struct source *source, const rd_kafka_message_t *message);

/* Lets the partition go on if its last held command has been answered, or its empty wait is over. */
void source_end_wait(struct source *source, int32_t partition);

/* Call before a fill: partitions of which nothing could be kept are read again where that is due. */
void source_end_empty_waits(struct source *source);

#endif
