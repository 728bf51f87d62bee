/* topic_reader_internal: what the two files of the topic reader share. No other file includes it. */
#ifndef WORKER_KAFKA_TOPIC_READER_INTERNAL_H
#define WORKER_KAFKA_TOPIC_READER_INTERNAL_H

#include "worker/kafka/topic_reader.h"

struct topic_reader {
    const struct config *config;
    topic_keep_going *keep_going;
    void *listener;
    rd_kafka_t *handle;
    rd_kafka_queue_t *queue; /* the handle's */
    char *topic;
    char fault[512]; /* librdkafka's last error; "" if there was none */
    int wait_ms;
    bool awaits_open; /* the end includes open transactions, and is reached when they have ended */
    int64_t heard_ms; /* when the last event came, CLOCK_MONOTONIC */
    int64_t moved_ms; /* when the last message of this reading came, or when the ends were compared */
    struct topic_wake {
        bool may_be_full;                 /* librdkafka may have stopped to fetch, since the queue was full */
        int64_t woken_ms;                 /* when it was last woken */
        int pause_ms;                     /* until it is woken although nothing says that it was full */
        size_t most_messages, most_bytes; /* of its queue */
        int32_t partition;                /* the last of those whose leaders were woken */
        size_t message_bytes;             /* of a message, on average */
    } wake;
    int32_t count;
    struct partition {
        int64_t low;   /* the first offset of the log */
        int64_t begin; /* where this reading began */
        int64_t next;
        int64_t end;
        int64_t held_ms; /* since when an open transaction begins at `next`; CLOCK_MONOTONIC; 0: none does */
    } * partitions;
};

/* ---- topic_reader_wake.c ---- */

/* The handle is open. */
void topic_wake_open(struct topic_reader *reader);

/* The next message or event, or NULL after a moment. */
rd_kafka_message_t *topic_wake_poll(struct topic_reader *reader);

/* A consumer with this isolation.level for the reader: new, or NULL with the reason in `error`. */
MUST_CHECK rd_kafka_t *topic_reader_consumer(struct topic_reader *reader, const char *isolation, char *error,
                                             size_t error_size);

/* Writes the reason: the last error of librdkafka, or else `code`. Returns false. */
bool topic_reader_fail(const struct topic_reader *reader, rd_kafka_resp_err_t code, char *error, size_t error_size);

#endif
