/* config_kafka: the settings that go to librdkafka: the program's defaults, and which settings a user may give. */
#ifndef WORKER_CONFIG_CONFIG_KAFKA_H
#define WORKER_CONFIG_CONFIG_KAFKA_H

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

/* Judges a setting by trying it on `scratch`. False with the reason in `error` if librdkafka does not know it or
 * refuses the value, or if the program decides it itself. The value is not quoted if `is_secret` or if the name tells
 * that it is one (a password, a key). */
bool kafka_setting_check(rd_kafka_conf_t *scratch, const char *name, const char *value, bool is_secret, char *error,
                         size_t error_size);

/* True if the name tells that its value is a secret: a password, a key, a token. */
bool kafka_setting_is_secret(const char *name);

/* The setting that librdkafka knows whose name is nearest to `name`, in `nearest`; "" if none is near. */
void kafka_setting_nearest(const char *name, char *nearest, size_t size);

#endif
