/* source_places: single commands are read again, outside the group. */
#ifndef WORKER_SOURCE_SOURCE_PLACES_H
#define WORKER_SOURCE_SOURCE_PLACES_H

#include "worker/source/source_log.h"
#include "worker/source/source_state.h"

/* Receives the first answer for a place: a command or an error. */
typedef void source_answer(struct source *source, const rd_kafka_message_t *message, void *opaque);

/* Reads the command at each of these places, or the next one after it, outside the group. Calls `answer` for each place
 * that has an answer within `wait_ms`, or a longer time where Kafka is slow. */
void source_read_places(struct source *source, rd_kafka_topic_partition_list_t *places, int wait_ms,
                        source_answer *answer, void *opaque);

/* While partitions are paused: reads the commands at these positions into the log states' `seen` and `end`. */
void source_peek(struct source *source, const struct lag_position *positions, size_t count, int wait_ms);

/* For a command that cannot be read since its offset is outside the log, or seems to be its end. A newly elected leader
 * may return an end that is too low to a fetch. To a request for the end it returns an error until it knows the right
 * one (KIP-207). Waits up to `wait_ms`, or longer where Kafka is slow (kafka_patience.h). */
enum log_finding source_compare_watermarks(struct source *source, int32_t partition, int64_t offset, int wait_ms);

/* Reads where the log begins and ends, by `client`. Waits as source_compare_watermarks. False without an answer. */
MUST_CHECK bool source_ask_ends(struct source *source, rd_kafka_t *client, int32_t partition, int wait_ms, int64_t *low,
                                int64_t *high);

void source_close_reader(struct source *source);

#endif
