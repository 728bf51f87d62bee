#include "worker/size_limits.h"

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
            return;
        }
        if (oldest->topic[0] != '\0' && (limit->topic[0] == '\0' || limit->learned_ms < oldest->learned_ms))
            oldest = limit;
    }
    snprintf(oldest->topic, sizeof(oldest->topic), "%s", topic);
    oldest->refused_bytes = bytes;
    oldest->learned_ms = now_ms;
}

size_t size_limits_get(const struct size_limits *limits, const char *topic, int64_t now_ms)
{
    for (size_t i = 0; i < SIZE_LIMITS_TOPICS; i++)
        if (is_known(&limits->topics[i], topic, now_ms))
            return limits->topics[i].refused_bytes;
    return SIZE_MAX;
}

bool size_limits_is_empty(const struct size_limits *limits)
{
    return limits->topics[0].topic[0] == '\0';
}
