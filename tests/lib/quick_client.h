/* quick_client: Kafka clients of the tests that end at once. librdkafka 2.5 and later often waits a second at the end
 * of a client for metrics that no broker has asked for. */
#ifndef TESTS_LIB_QUICK_CLIENT_H
#define TESTS_LIB_QUICK_CLIENT_H

#include <librdkafka/rdkafka.h>

/* A new configuration, otherwise with librdkafka's defaults. An older librdkafka does not know the setting. */
static inline rd_kafka_conf_t *quick_client_conf(void)
{
    char ignored[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "enable.metrics.push", "false", ignored, sizeof(ignored));
    return conf;
}

#endif
