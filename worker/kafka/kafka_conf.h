/* kafka_conf: creates a librdkafka configuration from the program's config. Every Kafka client of the program uses
 * it.
 *
 * The folder worker/kafka holds what several Kafka clients share. It may use librdkafka and the folders before it in
 * docs/design.md. */
#ifndef WORKER_KAFKA_KAFKA_CONF_H
#define WORKER_KAFKA_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* librdkafka 2.5 and later pushes metrics of its own to a broker that asks for them (KIP-714). Its rd_kafka_destroy
 * then waits for a signal that it may have missed, up to a second, also where no broker has asked. So a client of the
 * program pushes none unless its config sets enable.metrics.push. An older librdkafka does not know the setting. */
void kafka_conf_push_no_metrics(rd_kafka_conf_t *conf);

/* A new configuration with config->kafka and then `specific` (config->kafka_consumer, config->kafka_producer, or
 * NULL) applied, and with librdkafka's log lines redirected to our log. transactional.id is left out, since it is
 * only a prefix: callers that use transactions set it. The caller owns the result until kafka_conf_open takes it. NULL
 * with the reason in `error`, without secrets, if a setting is refused. */
MUST_CHECK rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *specific,
                                           char *error, size_t error_size);

/* A setting that the program sets itself. */
struct kafka_owned {
    const char *name;  /* NULL: the end of a list */
    const char *value; /* NULL: it is left as it is */
};

/* kafka_conf_new, with the list `owned` on top. */
MUST_CHECK rd_kafka_conf_t *kafka_conf_with(const struct config *config, const struct kafka_setting *specific,
                                            const struct kafka_owned *owned, char *error, size_t error_size);

/* rd_kafka_new, which owns `conf` in any case. NULL with the reason in `error`. */
MUST_CHECK rd_kafka_t *kafka_conf_open(rd_kafka_conf_t *conf, rd_kafka_type_t type, char *error, size_t error_size);

/* rd_kafka_conf_set for a setting that the program sets itself. False with the reason in `error`. */
MUST_CHECK bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *error,
                               size_t error_size);

#endif
