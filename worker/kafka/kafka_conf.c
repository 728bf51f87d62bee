#include "worker/kafka/kafka_conf.h"

#include <stdio.h>
#include <string.h>

#include "worker/config/config_kafka.h"
#include "worker/kafka/kafka_log.h"
#include "worker/kafka/kafka_trust.h"

bool kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *why, size_t why_size)
{
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return true;
    bool shown = !kafka_setting_is_secret(name);
    snprintf(why, why_size, "librdkafka refuses %s%s%s", name, shown ? ": " : "", shown ? text : "");
    return false;
}

static bool apply(rd_kafka_conf_t *conf, const struct kafka_setting *settings, char *why, size_t why_size)
{
    for (const struct kafka_setting *setting = settings; setting; setting = setting->next)
        if (strcmp(setting->name, "transactional.id") != 0 &&
            !kafka_conf_set(conf, setting->name, setting->value, why, why_size))
            return false;
    return true;
}

rd_kafka_conf_t *kafka_conf_new(const struct config *config, const struct kafka_setting *specific, char *why,
                                size_t why_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    if (apply(conf, config->kafka, why, why_size) && apply(conf, specific, why, why_size)) {
        kafka_trust_explain(conf);
        return conf;
    }
    rd_kafka_conf_destroy(conf);
    return NULL;
}
