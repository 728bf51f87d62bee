/* held_messages: messages that the source has and that no batch could take yet, in the order in which they came. They
 * arrived during a hold, or their partition waits for definitions. */
#ifndef WORKER_SOURCE_HELD_MESSAGES_H
#define WORKER_SOURCE_HELD_MESSAGES_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

struct held_messages {
    rd_kafka_message_t **messages; /* owned */
    uint32_t count, capacity;
};

void held_messages_close(struct held_messages *held);

/* Takes the message. */
void held_messages_add(struct held_messages *held, rd_kafka_message_t *message);

/* Puts the messages of `first` before the others; `first` is empty then. */
void held_messages_put_before(struct held_messages *held, struct held_messages *first);

/* Destroys the messages of a partition. */
void held_messages_drop(struct held_messages *held, int32_t partition);

/* The offset of the partition's first message, or -1 if there is none. */
int64_t held_messages_first(const struct held_messages *held, int32_t partition);

/* That message; borrowed, or NULL. */
rd_kafka_message_t *held_messages_find(const struct held_messages *held, int32_t partition);

/* Gives each message, in order, to `take`, until all were offered; those that it takes (true) leave the list. */
typedef bool held_messages_taker(void *taker, rd_kafka_message_t *message);
void held_messages_offer(struct held_messages *held, held_messages_taker *take, void *taker);

#endif
