/* restored: a message of the record topic, as the index holds its client. It does no I/O. */
#ifndef WORKER_INDEX_RESTORED_H
#define WORKER_INDEX_RESTORED_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/index/claim.h"
#include "worker/index/record_places.h"

/* A message of the record topic, parsed; its spans point into the message. */
struct restored {
    struct span key, workspace, id, source, hash;
    struct span record; /* at == NULL: a tombstone, the client was removed */
    struct span email;  /* lower case, in the scratch arena while a chunk is written */
    struct record_place place;
    bool settled; /* Redis agrees with it */
};

/* False if the message is not a client that the index can hold. Leaves `email` empty. */
MUST_CHECK bool restored_parse(const rd_kafka_message_t *message, struct restored *restored);

/* The parts of the client's value in Redis. */
#define RESTORED_VALUE(restored) (restored)->source, SPAN(" "), (restored)->hash, SPAN("\n"), (restored)->record

/* The length of that value. */
size_t restored_bytes(const struct restored *restored);

/* True if `value` is that value. */
bool restored_is(const struct restored *restored, struct span value);

/* Of two living clients with one email, whether it belongs to this one: it was created later, or its source is later,
 * or its id is greater. */
bool restored_has_right_to_email(const struct restored *restored, struct span rival_id,
                                 const struct stored_client *rival);

#endif
