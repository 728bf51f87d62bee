/* client: Kafka handles and topics for the benchmarks. Every failure ends the program. */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

/* A librdkafka setting; a list of them ends with name NULL. */
struct setting {
    const char *name, *value;
};

#define SETTINGS_MOST 64

/* Settings from the command line, "consumer.NAME=VALUE" or "producer.NAME=VALUE"; they override a program's own. */
struct tuning {
    struct setting consumer[SETTINGS_MOST], producer[SETTINGS_MOST];
};

/* Splits `text` in place; it must live as long as the tuning. */
void tuning_add(struct tuning *tuning, char *text);

/* New. Later lists override earlier ones. `delivered` (may be NULL) is the delivery callback. */
rd_kafka_t *client_new(rd_kafka_type_t type, const char *bootstrap, const struct setting *settings,
                       const struct setting *tuned,
                       void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *));

/* Fails with the error's text unless `error` is none. */
void client_expect(const char *what, rd_kafka_resp_err_t error);
/* The same for the transactional calls; destroys the error. */
void client_expect_none(const char *what, rd_kafka_error_t *error);

/* Creates a topic; an existing one stays unchanged. Brokers learn of it a little later, so the two functions below
 * retry for some time. */
void topic_create(rd_kafka_t *client, const char *name, int partitions);
int topic_partitions(rd_kafka_t *client, const char *name);
/* The offset after a partition's last message. */
int64_t topic_end(rd_kafka_t *client, const char *name, int partition);

#endif
