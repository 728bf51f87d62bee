/* message: one message of a topic, in little memory, since a run may have millions. */
#ifndef TESTS_LIVE_MESSAGE_H
#define TESTS_LIVE_MESSAGE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/live/arena.h"

/* Bytes of a key, value or header; at == NULL: null. */
struct bytes {
    const char *at;
    size_t length;
};

struct message {
    const char *topic;
    int64_t offset, timestamp;
    int32_t partition;
    uint16_t header_count;
    bool is_marked; /* see history.h */
    struct bytes key, value;
    struct bytes headers; /* in their order, packed by message_pack */
};

/* Packs the headers of a received message; the rest points into it and at the topic's name. The headers are valid
 * until the next call with this scratch, which begins as {0} and is freed with message_scratch_free. */
struct message_scratch {
    char *at;
    size_t capacity;
};
struct message message_pack(const char *topic, const rd_kafka_message_t *received, struct message_scratch *scratch);
void message_scratch_free(struct message_scratch *scratch);

/* A copy of all of it except the topic's name. A value longer than `long_value` bytes is kept as its hash, which is
 * enough to compare it. */
struct message *message_copy(struct arena *arena, const struct message *message, size_t long_value);

/* The last header of that name; at == NULL also if there is none. */
struct bytes message_header(const struct message *message, const char *name);
bool message_has_header(const struct message *message, const char *name);

/* The next header. Begin with *position == 0; false at the end. */
bool message_next_header(const struct message *message, size_t *position, const char **name, struct bytes *value);

bool bytes_equal(struct bytes one, struct bytes other);
bool bytes_are(struct bytes bytes, const char *text);

/* "topic/partition/offset". Valid until the fourth next call. */
const char *place(const struct message *message);
const char *place_of(const char *topic, int32_t partition, int64_t offset);

#endif
