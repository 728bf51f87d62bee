/* history: one topic, whole, as a read_committed reader sees it. It shares no code with the program that is judged. */
#ifndef TESTS_LIVE_HISTORY_H
#define TESTS_LIVE_HISTORY_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#define HISTORY_PARTITIONS 64 /* most of one topic */

struct history {
    const char *topic;
    rd_kafka_t *consumer;
    rd_kafka_t *observer; /* tells the true ends: for a read_committed reader a topic ends before an open transaction */
    int32_t partitions;
    int64_t reached[HISTORY_PARTITIONS]; /* the offset up to which everything was seen */
    rd_kafka_message_t **messages;       /* in the order of (partition, offset) after history_sort */
    size_t count, capacity;
};

/* Opens a topic at its beginning. Exits with 69 and a line on standard error if that cannot be done. */
void history_open(struct history *history, const char *bootstrap, const char *topic);

/* Reads up to the topic's present end. False if `seconds` passed before: a transaction is open, or Kafka is away. */
bool history_catch_up(struct history *history, int seconds);

void history_sort(struct history *history);

/* Index of the message at this position, or -1. After history_sort. */
long history_find(const struct history *history, int64_t partition, int64_t offset);

void history_close(struct history *history);

/* Bytes of a key, value or header; at == NULL: null. */
struct bytes {
    const char *at;
    size_t length;
};

struct bytes message_key(const rd_kafka_message_t *message);
struct bytes message_value(const rd_kafka_message_t *message);

/* The last header of that name; at == NULL also if there is none. */
struct bytes message_header(const rd_kafka_message_t *message, const char *name);
bool message_has_header(const rd_kafka_message_t *message, const char *name);

bool bytes_equal(struct bytes one, struct bytes other);
bool bytes_are(struct bytes bytes, const char *text);

#endif
