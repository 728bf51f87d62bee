/* kafka_log: librdkafka's log lines as events of our log. */
#ifndef WORKER_KAFKA_KAFKA_LOG_H
#define WORKER_KAFKA_KAFKA_LOG_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/log.h"

/* For rd_kafka_conf_set_log_cb. What librdkafka repeats is written once a minute, with the number that was left out. */
void kafka_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text);

/* For what we say of librdkafka's errors ourselves, under the same rule. True if nothing like it was written lately;
 * then *left_out tells how many like it were not, since the last. Any thread may call it. */
bool kafka_log_is_news(const char *facility, const char *text, int64_t *left_out);

/* From syslog's levels (0 emergency to 7 debug). librdkafka calls a lost connection an error, yet it mends that itself,
 * so only what is worse is an error of ours. */
enum log_level kafka_log_level(int syslog_level);

#define KAFKA_LOG_REMEMBERED 32
#define KAFKA_LOG_QUIET_MS   60000

/* The lines that were written lately. */
struct kafka_log_memory {
    struct {
        uint64_t line; /* hash of what it says; 0: unused */
        int64_t written_ms;
        int64_t left_out;
    } entries[KAFKA_LOG_REMEMBERED];
};

/* True if a line is to be written at `now_ms`; then *left_out tells how many like it were not, since the last. Lines
 * are alike if they differ in nothing but numbers. */
bool kafka_log_passes(struct kafka_log_memory *memory, const char *facility, const char *text, int64_t now_ms,
                      int64_t *left_out);

#endif
