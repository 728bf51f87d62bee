/* carried: messages that the source has and that no batch could take yet, in the order in which they came. They arrived
 * during a hold, or their partition waits for definitions. */
#ifndef WORKER_SOURCE_CARRIED_H
#define WORKER_SOURCE_CARRIED_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

struct carried {
    rd_kafka_message_t **messages; /* owned */
    uint32_t count, capacity;
};

void carried_close(struct carried *carried);

/* Takes the message. */
void carried_add(struct carried *carried, rd_kafka_message_t *message);

/* Puts the messages of `first` before the others; `first` is empty then. */
void carried_put_before(struct carried *carried, struct carried *first);

/* Destroys the messages of a partition. */
void carried_drop(struct carried *carried, int32_t partition);

/* The offset of the partition's first message, or -1 if there is none. */
int64_t carried_first(const struct carried *carried, int32_t partition);

/* That message; borrowed, or NULL. */
rd_kafka_message_t *carried_find(const struct carried *carried, int32_t partition);

/* Gives each message, in order, to `take`, until all were offered; those that it takes (true) leave the list. */
typedef bool carried_taker(void *taker, rd_kafka_message_t *message);
void carried_offer(struct carried *carried, carried_taker *take, void *taker);

#endif
