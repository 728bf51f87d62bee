/* topic_reader_internal: what the two files of the topic reader share. No other file includes it. */
#ifndef WORKER_KAFKA_TOPIC_READER_INTERNAL_H
#define WORKER_KAFKA_TOPIC_READER_INTERNAL_H

#include "worker/kafka/topic_reader.h"

struct topic_reader {
    const struct config *config;
    topic_keep_going *keep_going;
    void *listener;
    rd_kafka_t *handle;
    char *topic;
    char fault[512]; /* librdkafka's last error; "" if there was none */
    int wait_ms;
    bool awaits_open; /* the end includes open transactions, and is reached when they have ended */
    int64_t heard_ms; /* when the last event came, CLOCK_MONOTONIC */
    int64_t moved_ms; /* when the last message of this reading came, or when the ends were compared */
    int32_t count;
    struct partition {
        int64_t low;   /* the first offset of the log */
        int64_t begin; /* where this reading began */
        int64_t next;
        int64_t end;
    } * partitions;
};

/* A consumer with this isolation.level for the reader: new, or NULL with the reason in `error`. */
MUST_CHECK rd_kafka_t *topic_reader_consumer(struct topic_reader *reader, const char *isolation, char *error,
                                             size_t error_size);

/* Writes the reason: the last error of librdkafka, or else `code`. Returns false. */
bool topic_reader_fail(const struct topic_reader *reader, rd_kafka_resp_err_t code, char *error, size_t error_size);

#endif
