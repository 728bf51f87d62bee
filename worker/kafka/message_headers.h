/* message_headers: the headers of a consumed message.
 *
 * librdkafka parses each header into an allocation of some 60 bytes, for a header that takes two on the wire, and
 * keeps it with the message. A message may have 100,000 of them. So headers are parsed for one message at a time:
 * the headers that the program knows are copied into the batch's arena, and the others are only measured. A dead
 * letter needs all headers and parses them again. */
#ifndef WORKER_KAFKA_MESSAGE_HEADERS_H
#define WORKER_KAFKA_MESSAGE_HEADERS_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/model/batch.h"

/* Parses the headers of librdkafka's message and detaches them: the caller destroys them, and a later call parses them
 * again. NULL: there are none, or see *state. */
MUST_CHECK rd_kafka_headers_t *message_headers_parse(rd_kafka_message_t *message, enum header_state *state);

/* What librdkafka has allocated for these headers, about. */
size_t message_headers_heap(const rd_kafka_headers_t *headers);

/* Fills the item's headers, header_count, header_state, outer_bytes, header_heap, outer_held and message from
 * `message`, librdkafka's or a copy (message_copy.h), which must outlive the item. item->key must be set. Takes at most
 * `room` bytes of the arena for values: if the known headers are longer together, the later ones in the order of the
 * table count as absent. Such a message exceeds limits.command_bytes, so its command is too_large anyway. */
void message_headers_take(struct item *item, rd_kafka_message_t *message, size_t room, struct arena *arena);

/* Fills the source part of `item` from a message of `topic`: where it is, its key and value, which stay in the message,
 * and its headers as message_headers_take does. */
void message_item_take(struct item *item, const char *topic, rd_kafka_message_t *message, size_t room,
                       struct arena *arena);

/* All headers of the item's message, byte for byte and in order: new, with room for more. Empty if it has none or if
 * they cannot be read. */
MUST_CHECK rd_kafka_headers_t *message_headers_all(const struct item *item);

/* *value: that of the last header with this name; at == NULL if it has none. False without such a header. */
MUST_CHECK bool message_header_last(const rd_kafka_message_t *message, const char *name, struct span *value);

/* The complete name of a header that rd_kafka_header_get_all returned. It is a string there, but a name may contain a
 * NUL. Without a value the name ends at its first NUL. */
struct span message_header_name(const char *name, const void *value);

#endif
