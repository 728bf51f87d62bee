/* offsets: one offset for each partition of a topic, by the partition's number. */
#ifndef WORKER_KAFKA_OFFSETS_H
#define WORKER_KAFKA_OFFSETS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/must_check.h"

#define OFFSET_NONE (-1)

struct offsets {
    int64_t *at; /* OFFSET_NONE: not known, or there is none */
    int32_t count;
};

void offsets_free(struct offsets *offsets);

/* The partition's offset; OFFSET_NONE for a partition beyond the end. */
int64_t offsets_get(const struct offsets *offsets, int32_t partition);
void offsets_set(struct offsets *offsets, int32_t partition, int64_t offset);

/* Sets the partition's offset unless it is higher already. */
void offsets_raise(struct offsets *offsets, int32_t partition, int64_t offset);
void offsets_raise_all(struct offsets *offsets, const struct offsets *others);

/* Sets each to the lesser of the two; an offset that is not known in both becomes unknown. */
void offsets_lower_all(struct offsets *offsets, const struct offsets *others);

/* Writes "12,-,7" to the arena, and reads it. False if the text has another format; then *offsets is empty. */
struct span offsets_text(const struct offsets *offsets, struct arena *arena);
MUST_CHECK bool offsets_parse(struct span text, struct offsets *offsets);

/* ---- queries to Kafka; false with the reason in `error` if it did not reply within about `wait_ms` ---- */

/* The present end of each partition, for a reader with the consumer's isolation level: read_committed ends before
 * the first open transaction. Replaces *offsets. */
MUST_CHECK bool offsets_of_ends(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int wait_ms,
                                char *error, size_t error_size);

/* The same for the partitions 0 to `count` - 1 of a topic that has them; and the first offset of each. */
MUST_CHECK bool offsets_of_known_ends(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int32_t count,
                                      int wait_ms, char *error, size_t error_size);
MUST_CHECK bool offsets_of_starts(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int32_t count,
                                  int wait_ms, char *error, size_t error_size);

/* The same for the partitions that have an offset in `wanted`. A partition without an answer has none in *offsets.
 * False if no partition has an answer. */
MUST_CHECK bool offsets_of_some_ends(struct offsets *offsets, rd_kafka_t *consumer, const char *topic,
                                     const struct offsets *wanted, int wait_ms, char *error, size_t error_size);

/* The same for the first message of each that is not earlier than `time_ms`. False if a partition has no answer; one
 * without such a message has no offset. */
MUST_CHECK bool offsets_of_time(struct offsets *offsets, rd_kafka_t *consumer, const char *topic,
                                const struct offsets *wanted, int64_t time_ms, int wait_ms, char *error,
                                size_t error_size);

/* What the consumer's group has committed, and the nonces of these commits (log_mark.h; OFFSET_NONE: not known).
 * Transactions that have offsets of these partitions, and have not ended, are waited for (KIP-447, since the consumer
 * is read_committed). Replaces *offsets and *nonces. */
MUST_CHECK bool offsets_of_group(struct offsets *offsets, struct offsets *nonces, rd_kafka_t *consumer,
                                 const char *topic, int wait_ms, char *error, size_t error_size);

/* The same; `keep_going` is called between questions, which may take up to `wait_ms` each. When it returns false, so
 * does this, with "" in `error`, or with what keep_going has written there. */
typedef bool offsets_keep_going(void *listener);
MUST_CHECK bool offsets_of_group_listening(struct offsets *offsets, struct offsets *nonces, rd_kafka_t *consumer,
                                           const char *topic, int wait_ms, offsets_keep_going *keep_going,
                                           void *listener, char *error, size_t error_size);

#endif
