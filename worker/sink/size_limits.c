#include "worker/sink/size_limits.h"

#include <stdio.h>

static bool is_known(const struct size_limit *limit, const char *topic, int64_t now_ms)
{
    return now_ms - limit->learned_ms < SIZE_LIMITS_KEEP_MS && strcmp(limit->topic, topic) == 0;
}

void size_limits_learn(struct size_limits *limits, const char *topic, size_t bytes, int64_t now_ms)
{
    struct size_limit *oldest = &limits->topics[0];
    for (size_t i = 0; i < SIZE_LIMITS_TOPICS; i++) {
        struct size_limit *limit = &limits->topics[i];
        if (is_known(limit, topic, now_ms)) {
            if (bytes < limit->refused_bytes)
                limit->refused_bytes = bytes;
            if (bytes < limit->batch_bytes)
                limit->batch_bytes = bytes;
            return;
        }
        if (oldest->topic[0] != '\0' && (limit->topic[0] == '\0' || limit->learned_ms < oldest->learned_ms))
            oldest = limit;
    }
    snprintf(oldest->topic, sizeof(oldest->topic), "%s", topic);
    oldest->refused_bytes = oldest->batch_bytes = bytes;
    oldest->learned_ms = now_ms;
}

size_t size_limits_get(const struct size_limits *limits, const char *topic, int64_t now_ms)
{
    for (size_t i = 0; i < SIZE_LIMITS_TOPICS; i++)
        if (is_known(&limits->topics[i], topic, now_ms))
            return limits->topics[i].refused_bytes;
    return SIZE_MAX;
}

void size_limits_begin_batch(struct size_limits *limits)
{
    for (size_t i = 0; i < SIZE_LIMITS_TOPICS; i++)
        limits->topics[i].batch_bytes = SIZE_MAX;
}

size_t size_limits_in_batch(const struct size_limits *limits, const char *topic)
{
    size_t bytes = SIZE_MAX;
    for (size_t i = 0; i < SIZE_LIMITS_TOPICS; i++)
        if (strcmp(limits->topics[i].topic, topic) == 0 && limits->topics[i].batch_bytes < bytes)
            bytes = limits->topics[i].batch_bytes;
    return bytes;
}

bool size_limits_is_empty(const struct size_limits *limits)
{
    return limits->topics[0].topic[0] == '\0';
}
