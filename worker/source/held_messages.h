/* held_messages: messages that the source has consumed and that no batch has taken yet, in order of arrival. They
 * arrived while the partitions were paused, or their partition waits. Those of partitions that wait are copies
 * (source_held.c). */
#ifndef WORKER_SOURCE_HELD_MESSAGES_H
#define WORKER_SOURCE_HELD_MESSAGES_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

struct held_message {
    rd_kafka_message_t *message; /* owned */
    bool claimed;                /* item->claimed */
};

/* What a list has of one partition. Hundreds of partitions may wait with thousands of messages each, while others are
 * asked for many times a second: to look through the list each time would take all of a thread's time. */
struct held_share {
    uint32_t count;
    uint32_t first;        /* where its first message is in the list; not while messages are offered */
    int64_t last, highest; /* offsets: of its last message in the list, and the highest of its messages */
};

struct held_messages {
    struct held_message *messages;
    uint32_t count, capacity;
    size_t bytes;              /* of the copies among them */
    struct held_share *shares; /* by partition */
    int32_t share_count;
};

void held_messages_close(struct held_messages *held);

/* The list owns the message from now on. */
void held_messages_add(struct held_messages *held, rd_kafka_message_t *message, bool claimed);

/* Moves the messages of `first` to the front. `first` is empty afterwards. */
void held_messages_put_before(struct held_messages *held, struct held_messages *first);

/* Destroys the partition's messages. */
void held_messages_drop(struct held_messages *held, int32_t partition);

/* Destroys the messages of these partitions. */
void held_messages_drop_all(struct held_messages *held, const rd_kafka_topic_partition_list_t *partitions);

/* Destroys the partition's messages from this offset on. */
void held_messages_drop_from(struct held_messages *held, int32_t partition, int64_t offset);

/* No message is `claimed` any more. */
void held_messages_forget_claims(struct held_messages *held);

/* The offset of the partition's first message, or -1 if it has none. */
int64_t held_messages_first(const struct held_messages *held, int32_t partition);

/* The offset of the partition's last message before this offset, or -1 if it has none. */
int64_t held_messages_last(const struct held_messages *held, int32_t partition, int64_t offset);

/* The partition's first message: borrowed, or NULL. */
rd_kafka_message_t *held_messages_find(const struct held_messages *held, int32_t partition);

/* Calls `take` for each message, in order. A message for which it returns true leaves the list. `take` must not ask
 * what the list has. */
typedef bool held_messages_taker(void *taker, const struct held_message *held);
void held_messages_offer(struct held_messages *held, held_messages_taker *take, void *taker);

#endif
