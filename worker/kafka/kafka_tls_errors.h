/* kafka_tls_errors: what librdkafka does not say by itself when a broker and we do not get to trust each other. */
#ifndef WORKER_KAFKA_KAFKA_TLS_ERRORS_H
#define WORKER_KAFKA_KAFKA_TLS_ERRORS_H

#include <librdkafka/rdkafka.h>

#include "worker/config/config.h"

/* Has librdkafka's log say why a broker's certificate is refused: expired, made for another host, and so on. What is
 * accepted stays the same. */
void kafka_tls_errors_explain(rd_kafka_conf_t *conf);

/* A sentence for those who cannot log in, or NULL: before 2.6.1 librdkafka logs in by SCRAM in a way that Kafka 4.0 and
 * later take for a wrong password. */
const char *kafka_scram_hint(const struct config *config);

#endif
