/* tamper_client: the Kafka calls of tamper. A failure ends the program with 69 and a line on standard error. */
#ifndef TESTS_LIVE_TAMPER_CLIENT_H
#define TESTS_LIVE_TAMPER_CLIENT_H

#include <librdkafka/rdkafka.h>

#define REQUEST_MS 30000

void give_up(const char *what, const char *error) __attribute__((noreturn));
void expect_fine(const char *what, rd_kafka_resp_err_t code);

/* transactional_id NULL: without transactions. */
rd_kafka_t *producer_new(const char *bootstrap, const char *transactional_id);

/* A consumer for reading and committing offsets only. */
rd_kafka_t *consumer_new(const char *bootstrap, const char *group);

void topic_make(rd_kafka_t *producer, const char *name, int partitions);

#endif
