#include "worker/kafka/kafka_log.h"

#include <ctype.h>
#include <pthread.h>

#include "common/clock.h"

enum log_level kafka_log_level(int syslog_level)
{
    return syslog_level <= 2   ? LOG_LEVEL_ERROR
           : syslog_level <= 4 ? LOG_LEVEL_WARNING
           : syslog_level <= 6 ? LOG_LEVEL_INFO
                               : LOG_LEVEL_DEBUG;
}

/* FNV-1a over everything but digits, since librdkafka writes durations and counts into its lines. Never 0. */
static uint64_t likeness(uint64_t hash, const char *text)
{
    for (; *text; text++)
        if (!isdigit((unsigned char)*text))
            hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash ? hash : 1;
}

bool kafka_log_passes(struct kafka_log_memory *memory, const char *facility, const char *text, int64_t now_ms,
                      int64_t *left_out)
{
    uint64_t line = likeness(likeness(14695981039346656037u, facility), text);
    size_t oldest = 0;
    for (size_t i = 0; i < KAFKA_LOG_REMEMBERED; i++) {
        if (memory->entries[i].line != line) {
            if (memory->entries[i].written_ms < memory->entries[oldest].written_ms)
                oldest = i;
            continue;
        }
        if (now_ms - memory->entries[i].written_ms < KAFKA_LOG_QUIET_MS) {
            memory->entries[i].left_out++;
            return false;
        }
        *left_out = memory->entries[i].left_out;
        memory->entries[i].written_ms = now_ms;
        memory->entries[i].left_out = 0;
        return true;
    }
    *left_out = 0;
    memory->entries[oldest].line = line;
    memory->entries[oldest].written_ms = now_ms;
    memory->entries[oldest].left_out = 0;
    return true;
}

static pthread_mutex_t memory_turn = PTHREAD_MUTEX_INITIALIZER;
static struct kafka_log_memory lately;

bool kafka_log_is_news(const char *facility, const char *text, int64_t *left_out)
{
    pthread_mutex_lock(&memory_turn);
    bool passes = kafka_log_passes(&lately, facility, text, clock_now_ms(), left_out);
    pthread_mutex_unlock(&memory_turn);
    return passes;
}

void kafka_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
    enum log_level ours = kafka_log_level(level);
    if (!log_is_on(ours))
        return;
    int64_t left_out = 0;
    if (ours != LOG_LEVEL_DEBUG && !kafka_log_is_news(facility, text, &left_out))
        return;
    struct log_value values[] = {LOG_TEXT("client", kafka ? rd_kafka_name(kafka) : ""),
                                 LOG_TEXT("facility", facility),
                                 LOG_TEXT("text", text),
                                 LOG_INTEGER("repeated", left_out),
                                 {0}};
    if (left_out == 0)
        values[3].name = NULL;
    log_event(ours, "librdkafka", values);
}
