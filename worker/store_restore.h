/* store_restore: clients from messages of the record topic to Redis. */
#ifndef WORKER_STORE_RESTORE_H
#define WORKER_STORE_RESTORE_H

#include <librdkafka/rdkafka.h>

#include "worker/store.h"

#define RESTORE_MESSAGES 1000
#define RESTORE_BYTES    ((size_t)4 << 20)

/* Messages that are not yet written. */
struct restore {
    struct store *store;
    struct arena *scratch;
    rd_kafka_message_t *messages[RESTORE_MESSAGES]; /* owned */
    size_t count, bytes;
    uint64_t clients, removed, passed_over; /* so far */
};

/* Takes the message. True if the next one needs restore_write before it. */
bool restore_add(struct restore *restore, rd_kafka_message_t *message);

/* Writes all that were added, in their order, over what Redis has: a record is the truth. A message without a value
 * removes its client; one that is no client of ours is passed over. False after store_fail, or without a connection. */
bool restore_write(struct restore *restore);

/* Forgets those that are not yet written. */
void restore_clear(struct restore *restore);

#endif
