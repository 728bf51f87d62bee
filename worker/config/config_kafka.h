/* config_kafka: the settings for librdkafka: the program's defaults, and which settings a user may set. */
#ifndef WORKER_CONFIG_CONFIG_KAFKA_H
#define WORKER_CONFIG_CONFIG_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* The default of a setting in a section; the shipped config shows the same value. */
struct kafka_default {
    const char *section; /* NULL ends the table */
    const char *name, *value;
};

extern const struct kafka_default kafka_defaults[];

/* True if this is the setting's default in this section. */
bool kafka_setting_is_default(const char *section, const struct kafka_setting *setting);

/* The name under which a setting is kept, since librdkafka has two names for some. Static, or `name` itself. */
const char *kafka_setting_name(const char *name);

/* Checks a setting by applying it to `scratch`. False with the reason in `error` if librdkafka does not know it or
 * refuses the value, or if the program reserves it. The value is not quoted if `is_secret`, or if the name shows
 * that it is a secret (a password, a key). */
MUST_CHECK bool kafka_setting_check(rd_kafka_conf_t *scratch, const char *name, const char *value, bool is_secret,
                                    char *error, size_t error_size);

/* True if the name shows that the value is a secret: a password, a key, a token. */
bool kafka_setting_is_secret(const char *name);

/* Writes the name of the librdkafka setting that is nearest to `name` to `nearest`; "" if none is near. */
void kafka_setting_nearest(const char *name, char *nearest, size_t size);

#endif
