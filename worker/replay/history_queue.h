/* history_queue: takes messages and events from librdkafka's queue, some at a time, and keeps librdkafka fetching. The
 * time that the caller takes for its messages is no silence of Kafka: the queue counts only the time in between. */
#ifndef WORKER_REPLAY_HISTORY_QUEUE_H
#define WORKER_REPLAY_HISTORY_QUEUE_H

#include "common/must_check.h"
#include "worker/replay/history_client.h"

#define QUEUE_MESSAGES 1024 /* that are taken at a time, at most */

struct history_queue {
    struct history_client *client; /* borrowed */
    rd_kafka_queue_t *queue;
    uint32_t ahead_messages; /* librdkafka's bound */
    bool needs_wakes;
    int64_t left_ms; /* until then the queue waited for Kafka, and the caller for the queue; CLOCK_MONOTONIC */
    rd_kafka_message_t *messages[QUEUE_MESSAGES];
    size_t taken, count;  /* of `messages`; from `taken` on they must be destroyed */
    size_t message_bytes; /* of a message, on average, when `messages` was filled */
    size_t taken_bytes;   /* since the last wake */
    size_t taken_messages;
};

/* Prepares an unused one for an open client. `ahead_messages`: its queued.min.messages. False if the client has no
 * group.id. */
MUST_CHECK bool history_queue_open(struct history_queue *queue, struct history_client *client, uint32_t ahead_messages);
void history_queue_close(struct history_queue *queue); /* also an empty one */

/* Destroys the messages that are left. */
void history_queue_drop(struct history_queue *queue);

/* Something else is read from now on. */
void history_queue_begin(struct history_queue *queue);

/* The caller waits for Kafka from now on; and then no longer. */
void history_queue_arrive(struct history_queue *queue);
void history_queue_leave(struct history_queue *queue);

/* Fills the empty queue with messages of the partition that is assigned. Waits for a moment (100 ms). False if there
 * are none. */
MUST_CHECK bool history_queue_fill(struct history_queue *queue, const char *topic, int32_t partition);

#endif
