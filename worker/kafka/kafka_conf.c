#include "worker/kafka/kafka_conf.h"

#include <stdio.h>
#include <string.h>

#include "worker/config/config_kafka.h"
#include "worker/kafka/kafka_log.h"
#include "worker/kafka/kafka_tls_errors.h"

bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *error, size_t error_size)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return true;
    bool shown = !kafka_setting_is_secret(name);
    snprintf(error, error_size, "librdkafka refuses %s%s%s", name, shown ? ": " : "", shown ? text : "");
    return false;
}

void kafka_conf_push_no_metrics(rd_kafka_conf_t *conf)
{
    char ignored[512];
    (void)rd_kafka_conf_set(conf, "enable.metrics.push", "false", ignored, sizeof(ignored));
}

static bool apply(rd_kafka_conf_t *conf, const struct kafka_setting *settings, char *error, size_t error_size)
{
    for (const struct kafka_setting *setting = settings; setting; setting = setting->next)
        if (strcmp(setting->name, "transactional.id") != 0 &&
            !kafka_conf_set(conf, setting->name, setting->value, error, error_size))
            return false;
    return true;
}

rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *specific, char *error,
                                size_t error_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    kafka_conf_push_no_metrics(conf);
    if (apply(conf, config->kafka, error, error_size) && apply(conf, specific, error, error_size)) {
        kafka_tls_errors_explain(conf);
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_conf_t *kafka_conf_with(const struct config *config, const struct kafka_setting *specific,
                                 const struct kafka_owned *owned, char *error, size_t error_size)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, specific, error, error_size);
    for (; conf && owned->name; owned++) {
        if (owned->value && !kafka_conf_set(conf, owned->name, owned->value, error, error_size)) {
            rd_kafka_conf_destroy(conf);
            conf = NULL;
        }
    }
    return conf;
}

rd_kafka_t *kafka_conf_open(rd_kafka_conf_t *conf, rd_kafka_type_t type, char *error, size_t error_size)
{
    rd_kafka_t *handle = rd_kafka_new(type, conf, error, error_size);
    if (!handle)
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes it only on success */
    return handle;
}
