/* kafka_client: a producer for the short commands, which ask or store one thing and exit; and a consumer that only asks
 * what a group has committed. */
#ifndef WORKER_KAFKA_KAFKA_CLIENT_H
#define WORKER_KAFKA_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* How long a short command waits for Kafka. */
#define KAFKA_CLIENT_WAIT_MS 10000

struct kafka_client {
    rd_kafka_t *handle;
    char fault[512];   /* librdkafka's last error; "" if there was none */
    int32_t partition; /* where the last message was stored */
    int64_t offset;
    rd_kafka_resp_err_t delivery; /* the result of the last message; _IN_PROGRESS until it is known */
};

/* Opens a producer with the settings of [kafka] and [kafka.producer], without transactions. False with the reason in
 * `error`. `client` must not move until kafka_client_close. */
MUST_CHECK bool kafka_client_open(struct kafka_client *client, const struct config *config, char *error,
                                  size_t error_size);
void kafka_client_close(struct kafka_client *client);

/* A client that reads a group's offsets and the ends of topics, as a read_committed reader sees them, and never joins
 * the group. `group`: NULL for the config's. The caller destroys it. NULL with the reason in `error`. */
MUST_CHECK rd_kafka_t *kafka_observer_new(const struct config *config, const char *group, char *error,
                                          size_t error_size);

/* All topics and brokers: new, to be freed with rd_kafka_metadata_destroy; or NULL with the reason in `error`. */
const struct rd_kafka_metadata *kafka_client_metadata(struct kafka_client *client, char *error, size_t error_size);

/* The topic in `metadata`, or NULL if there is none. */
const struct rd_kafka_metadata_topic *kafka_metadata_topic(const struct rd_kafka_metadata *metadata, const char *topic);

/* Stores one message on all in-sync replicas, and waits for the result. On success client->partition and
 * client->offset say where it is. False with the reason in `error`. */
MUST_CHECK bool kafka_client_append(struct kafka_client *client, const char *topic, const char *key, const char *value,
                                    size_t value_size, char *error, size_t error_size);

#endif
