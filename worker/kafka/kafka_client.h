/* kafka_client: a Kafka client for the short commands: it asks or tells one thing and goes. */
#ifndef WORKER_KAFKA_KAFKA_CLIENT_H
#define WORKER_KAFKA_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "worker/config/config.h"

/* How long a short command waits for Kafka. */
#define KAFKA_CLIENT_WAIT_MS 10000

struct kafka_client {
    rd_kafka_t *handle;
    char fault[512];   /* what librdkafka complained about last; "" for nothing */
    int32_t partition; /* where the last message was stored */
    int64_t offset;
    rd_kafka_resp_err_t delivery; /* how the last message fared; _IN_PROGRESS while that is not known */
};

/* A producer with the settings of [kafka] and [kafka.producer], without transactions. False with the reason in `error`.
 * `client` must stay where it is until kafka_client_close. */
bool kafka_client_open(struct kafka_client *client, const struct config *config, char *error, size_t error_size);
void kafka_client_close(struct kafka_client *client);

/* All topics and brokers: new, to be freed with rd_kafka_metadata_destroy; or NULL with the reason in `error`. */
const struct rd_kafka_metadata *kafka_client_metadata(struct kafka_client *client, char *error, size_t error_size);

/* The topic in `metadata`, or NULL if there is none. */
const struct rd_kafka_metadata_topic *kafka_metadata_topic(const struct rd_kafka_metadata *metadata, const char *topic);

/* Stores one message with all replicas that are in sync, and waits for it. True: client->partition and offset tell
 * where. False with the reason in `error`. */
bool kafka_client_append(struct kafka_client *client, const char *topic, const char *key, const char *value,
                         size_t value_size, char *error, size_t error_size);

#endif
