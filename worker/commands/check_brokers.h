/* check_brokers: whether the settings of Kafka's brokers fit the config. */
#ifndef WORKER_COMMANDS_CHECK_BROKERS_H
#define WORKER_COMMANDS_CHECK_BROKERS_H

#include <librdkafka/rdkafka.h>

#include "worker/commands/check_report.h"
#include "worker/commands/check_topics.h"
#include "worker/config/config.h"

/* Reports brokers that take no request as long as the longest message of the program. `topics`: what
 * check_topic_settings has found. */
void check_broker_settings(struct check_report *report, const struct config *config, rd_kafka_t *client,
                           const struct checked_topics *topics);

#endif
