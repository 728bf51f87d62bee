/* kafka_conf: a librdkafka configuration from the program's own: what every client of the program is made with. */
#ifndef WORKER_KAFKA_KAFKA_CONF_H
#define WORKER_KAFKA_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "worker/config/config.h"

/* A new configuration with config->kafka and then `specific` (config->kafka_consumer, config->kafka_producer, or NULL)
 * applied, and librdkafka's log lines led into ours. transactional.id is left out, since it is only a prefix: whoever
 * wants transactions sets it. The caller owns it until rd_kafka_new takes it. NULL with the reason in `error`, without
 * secrets, if a setting is refused. */
rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *specific, char *error,
                                size_t error_size);

/* rd_kafka_conf_set for a setting that the program decides. False with the reason in `error`. */
bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *error, size_t error_size);

#endif
