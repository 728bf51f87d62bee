/* record_places: which message of the record topic is the last of its key. A first reading notes every message. A
 * second one looks up each message and applies only the last ones. The result does not depend on the order in which
 * partitions are read.
 *
 * A key's messages are in one partition, in order, unless partitions were added between them; then the last messages of
 * the partitions are compared by their timestamps (then by the partition's number).
 *
 * Memory: 40 to 60 bytes for each key and partition in which it occurs, as the offset map of Kafka's log cleaner has
 * it: a key is known by 96 bits of its seeded hash. */
#ifndef WORKER_INDEX_RECORD_PLACES_H
#define WORKER_INDEX_RECORD_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

struct record_places;

/* The position of a message. */
struct record_place {
    int32_t partition;
    int64_t offset, timestamp_ms;
};

/* The state of a key. */
enum record_fate {
    FATE_UNKNOWN, /* no message of the key was noted */
    FATE_REMOVED, /* its last message is a tombstone */
    FATE_PENDING, /* its last message has a client, which is not written yet */
    FATE_WRITTEN  /* that client is written (record_places_write) */
};

/* New, or NULL when out of memory. */
MUST_CHECK struct record_places *record_places_new(void);
void record_places_free(struct record_places *places);

/* Notes a message. A message that was noted before, or that is before a noted one, changes nothing. False when out of
 * memory. */
MUST_CHECK bool record_places_note(struct record_places *places, struct span key, const struct record_place *place,
                                   bool removed);

/* True if the message is the last of its key. */
bool record_places_is_last(const struct record_places *places, struct span key, const struct record_place *place);

/* The client of the key's last message is in Redis. */
void record_places_write(struct record_places *places, struct span key);

enum record_fate record_places_fate(const struct record_places *places, struct span key);

#endif
