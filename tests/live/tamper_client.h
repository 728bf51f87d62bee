/* tamper_client: what tamper asks of Kafka. What cannot be had ends the program with 69 and a line on standard error.
 */
#ifndef TESTS_LIVE_TAMPER_CLIENT_H
#define TESTS_LIVE_TAMPER_CLIENT_H

#include <librdkafka/rdkafka.h>

#define REQUEST_MS 30000

void give_up(const char *what, const char *why) __attribute__((noreturn));
void expect_fine(const char *what, rd_kafka_resp_err_t code);

/* A transactional id of NULL: without transactions. */
rd_kafka_t *producer_new(const char *bootstrap, const char *transactional_id);

/* One that only asks for offsets and commits some. */
rd_kafka_t *consumer_new(const char *bootstrap, const char *group);

void topic_make(rd_kafka_t *producer, const char *name, int partitions);

#endif
