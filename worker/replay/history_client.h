/* history_client: a Kafka consumer that only reads. It joins no group, commits nothing, and creates no topic.
 * Everything in worker/replay that reads the command topic does it with such a consumer. */
#ifndef WORKER_REPLAY_HISTORY_CLIENT_H
#define WORKER_REPLAY_HISTORY_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"

struct history_client {
    rd_kafka_t *handle; /* NULL: not open */
    char fault[512];    /* librdkafka's last error since the last sign of life; "" if there was none */
    int64_t heard_ms;   /* the last sign of life, CLOCK_MONOTONIC: a message, an end, or progress of the fetcher */
    int64_t fetched;    /* the sum of the offsets that the fetcher has reached */
    char topic[256];    /* the last one whose partitions were asked for; "": none */
};

/* What differs between the consumers. */
struct history_client_settings {
    const char *isolation;   /* isolation.level */
    const char *reset;       /* auto.offset.reset */
    const char *fetch_bytes; /* max.partition.fetch.bytes */
    uint32_t messages;       /* queued.min.messages; 0: very many */
};

/* Opens the consumer with the settings of [kafka] and [kafka.consumer]. All events come to its consumer queue. False
 * with the reason in `error`. `client` must not move until history_client_close, which takes an empty one too. */
MUST_CHECK bool history_client_open(struct history_client *client, const struct config *config,
                                    const struct history_client_settings *settings, char *error, size_t error_size);
void history_client_close(struct history_client *client);

/* A message or an end came. */
void history_client_hear(struct history_client *client);

/* An error came. */
void history_client_note(struct history_client *client, const rd_kafka_message_t *message);

/* True if there was no sign of life for `wait_ms`; then the reason is in `error`. While the fetcher passes aborted
 * messages and markers there are no messages, but progress, which librdkafka reports every second. */
MUST_CHECK bool history_client_is_silent(const struct history_client *client, int wait_ms, char *error,
                                         size_t error_size);

/* Reads the list from now on, instead of everything before; NULL: nothing. False with the reason in `error`. */
MUST_CHECK bool history_client_assign(struct history_client *client, const rd_kafka_topic_partition_list_t *list,
                                      char *error, size_t error_size);
MUST_CHECK bool history_client_assign_one(struct history_client *client, const char *topic, int32_t partition,
                                          int64_t offset, char *error, size_t error_size);

/* Asks for the first offset of a partition, and for its end as a reader with the client's isolation level sees it. A
 * leader that was elected a moment ago returns an error until it knows the right end (KIP-207). False with the reason
 * in `error`; each of the two questions takes up to `wait_ms`. */
MUST_CHECK bool history_client_edges(struct history_client *client, const char *topic, int32_t partition, int wait_ms,
                                     int64_t *first, int64_t *end, char *error, size_t error_size);

/* rd_kafka_offsets_for_times, whose answers per partition are checked too. */
MUST_CHECK bool history_ask_offsets(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list, int wait_ms,
                                    char *error, size_t error_size);

#endif
