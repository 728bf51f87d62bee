/* settings_reading: asks the cluster for settings of topics that a transaction depends on. */
#ifndef WORKER_SINK_SETTINGS_READING_H
#define WORKER_SINK_SETTINGS_READING_H

#include <stddef.h>

#include "worker/kafka/marker_limits.h"

#define SETTINGS_AT_ONCE 100 /* topics of one request: each answers with some kilobytes */

struct settings_reading {
    const char *topic; /* borrowed */
    enum {
        SETTINGS_SILENT, /* there was no answer in time, or another failure that may pass */
        SETTINGS_DENIED, /* the user lacks the right DescribeConfigs */
        SETTINGS_READ,
        SETTINGS_UNSUPPORTED /* this Kafka tells no settings at all, such as librdkafka's embedded one */
    } result;
    struct marker_limit limit; /* SETTINGS_READ: the setting that is too small, or none */
};

/* Reads the settings of up to SETTINGS_AT_ONCE topics in one request to this broker, any of the cluster. Each reading
 * gets a result. Takes `wait_ms`, and a second more, at most. */
void settings_read(rd_kafka_t *client, int32_t broker, struct settings_reading *readings, size_t count, int wait_ms);

#endif
