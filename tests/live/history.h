/* history: one whole topic, as a read_committed reader sees it. It shares no code with the program under test. */
#ifndef TESTS_LIVE_HISTORY_H
#define TESTS_LIVE_HISTORY_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/live/message.h"

#define HISTORY_PARTITIONS 64 /* of one topic, at most */

struct history {
    const char *topic;
    rd_kafka_t *consumer;
    rd_kafka_t *observer; /* knows the true ends: for a read_committed reader a topic ends before an open transaction */
    int32_t partitions;
    bool is_assigned;
    int64_t reached[HISTORY_PARTITIONS]; /* the offset up to which everything was seen */
    size_t seen;                         /* messages that were read, kept or not */
    struct message_scratch scratch;

    struct message **messages; /* the messages that history_keep kept, in the order of (partition, offset) */
    size_t count, capacity;
    size_t long_value;                            /* a longer value is kept as a hash only; SIZE_MAX until it is set */
    bool (*marks)(const struct message *message); /* NULL, or computes is_marked from the whole message */
    struct arena arena;
};

/* Opens a topic at its beginning. On failure exits with 69 and a line on standard error. */
void history_open(struct history *history, const char *bootstrap, const char *topic);

/* The same at an isolation.level: "read_uncommitted" sees the messages of aborted and open transactions, too. */
void history_open_isolated(struct history *history, const char *bootstrap, const char *topic, const char *isolation);

/* Called with each message, which is valid until it returns; a partition's messages come in order. */
typedef void history_visit(const struct message *message, void *context);

/* Reads up to the topic's present end, from where the last call ended. False if that takes more than `seconds`: a
 * transaction is open, or Kafka is away. */
bool history_read(struct history *history, int seconds, history_visit *visit, void *context);

/* The same, and keeps the messages. */
bool history_keep(struct history *history, int seconds);

/* Index of the kept message at this position, or -1. */
long history_find(const struct history *history, int64_t partition, int64_t offset);

/* A history that was never opened may be closed, too. */
void history_close(struct history *history);

#endif
