/* kafka_settings: what librdkafka is told: the program's own settings, its defaults, and what the user says. */
#ifndef WORKER_KAFKA_KAFKA_SETTINGS_H
#define WORKER_KAFKA_KAFKA_SETTINGS_H

#include <librdkafka/rdkafka.h>

#include "worker/config/config.h"

/* A setting of a section that holds unless the user gives another; the shipped config shows the same. */
struct kafka_default {
    const char *section; /* NULL ends the table */
    const char *name, *value;
};

extern const struct kafka_default kafka_defaults[];

/* The name under which a setting is kept: librdkafka has two for some. Static, or `name` itself. */
const char *kafka_setting_name(const char *name);

/* Judges a setting by trying it on `scratch`. False with the reason in `why` if librdkafka does not know it or refuses
 * the value, or if the program decides it itself. The value is not quoted if `is_secret` or if the name tells that it
 * is one (a password, a key). */
bool kafka_setting_judge(rd_kafka_conf_t *scratch, const char *name, const char *value, bool is_secret, char *why,
                         size_t why_size);

/* The setting that librdkafka knows whose name is nearest to `name`, in `nearest`; "" if none is near. */
void kafka_setting_nearest(const char *name, char *nearest, size_t size);

/* A new configuration with config->kafka and then `specific` (config->kafka_consumer, config->kafka_producer, or NULL)
 * applied, and librdkafka's log lines led into ours. transactional.id is left out, since it is only a prefix: whoever
 * wants transactions sets it. The caller owns it until rd_kafka_new takes it. NULL with the reason in `why`, without
 * secrets, if a setting is refused. */
rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *specific, char *why,
                                size_t why_size);

/* rd_kafka_conf_set for a setting that the program decides. False with the reason in `why`. */
bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *why, size_t why_size);

#endif
