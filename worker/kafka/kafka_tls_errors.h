/* kafka_tls_errors: explanations for failed logins and certificates that librdkafka does not give itself. */
#ifndef WORKER_KAFKA_KAFKA_TLS_ERRORS_H
#define WORKER_KAFKA_KAFKA_TLS_ERRORS_H

#include <librdkafka/rdkafka.h>

#include "worker/config/config.h"

/* Makes librdkafka's log say why a broker's certificate is refused: expired, made for another host, and so on. It
 * does not change which certificates are accepted. */
void kafka_tls_errors_explain(rd_kafka_conf_t *conf);

/* A hint for a failed login, or NULL: SCRAM in librdkafka before 2.6.1 looks like a wrong password to Kafka 4.0 and
 * later. */
const char *kafka_scram_hint(const struct config *config);

#endif
