/* kafka_log: librdkafka's log lines as events of our log. */
#ifndef WORKER_KAFKA_KAFKA_LOG_H
#define WORKER_KAFKA_KAFKA_LOG_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/log.h"

/* For rd_kafka_conf_set_log_cb. A repeated line is written once a minute, with the number of lines that were left
 * out. */
void kafka_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text);

/* The same limit for librdkafka's errors that we log ourselves. True if no similar line was written recently; then
 * *left_out is the number of similar lines since the last one. Any thread may call it. */
bool kafka_log_is_news(const char *facility, const char *text, int64_t *left_out);

/* Converts syslog's levels (0 emergency to 7 debug). librdkafka reports a lost connection as an error but reconnects
 * by itself, so only more severe levels are errors of ours. */
enum log_level kafka_log_level(int syslog_level);

#define KAFKA_LOG_REMEMBERED 32
#define KAFKA_LOG_QUIET_MS   60000

/* The lines that were written recently. */
struct kafka_log_memory {
    struct {
        uint64_t line; /* hash of its text; 0: unused */
        int64_t written_ms;
        int64_t left_out;
    } entries[KAFKA_LOG_REMEMBERED];
};

/* True if a line is to be written at `now_ms`; then *left_out is the number of similar lines since the last one.
 * Lines are similar if they differ only in numbers. */
bool kafka_log_passes(struct kafka_log_memory *memory, const char *facility, const char *text, int64_t now_ms,
                      int64_t *left_out);

#endif
