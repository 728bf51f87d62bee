#include "worker/http/health.h"

#include "common/stop.h"

/* librdkafka's calls wait a second each, but closing a consumer may take long. */
#define LONGEST_BEAT_MS 60000

/* At most, between two heartbeats of a stage, connects included; each may time out. */
#define ROUND_TRIPS 4

bool health_is_live(struct metrics *const *threads, size_t count, const struct config *config, int64_t now_ms,
                    char reason[HEALTH_REASON_SIZE])
{
    int64_t limit_ms = ROUND_TRIPS * config->redis.timeout_ms;
    if (limit_ms < LONGEST_BEAT_MS)
        limit_ms = LONGEST_BEAT_MS;
    for (size_t i = 0; i < count && !stop_is_requested(); i++) {
        int64_t still_ms = now_ms - metrics_last_beat_ms(threads[i]);
        if (still_ms <= limit_ms)
            continue;
        snprintf(reason, HEALTH_REASON_SIZE, "no heartbeat of thread %zu for %lld s", i, (long long)still_ms / 1000);
        return false;
    }
    return true;
}

bool health_is_ready(struct metrics *const *threads, size_t count, char reason[HEALTH_REASON_SIZE])
{
    bool kafka = true, redis = true;
    if (stop_is_requested()) {
        snprintf(reason, HEALTH_REASON_SIZE, "draining");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        kafka = kafka && metrics_get(threads[i], METRIC_KAFKA_UP, 0) == 1;
        redis = redis && metrics_get(threads[i], METRIC_REDIS_UP, 0) == 1;
    }
    /* First the causes that must be fixed outside of the program: if Kafka delays a rebuild, the rebuild is not the
     * problem. */
    if (!kafka || !redis) {
        snprintf(reason, HEALTH_REASON_SIZE, "no connection to %s",
                 kafka   ? "Redis"
                 : redis ? "Kafka"
                         : "Kafka and Redis");
        return false;
    }
    uint64_t rebuilding = 0, audited = 0;
    for (size_t i = 0; i < count; i++) {
        rebuilding += metrics_get(threads[i], METRIC_REBUILDING, 0);
        audited += metrics_get(threads[i], METRIC_INDEX_AUDITED, 0);
    }
    if (rebuilding > 0)
        snprintf(reason, HEALTH_REASON_SIZE, "Redis is being rebuilt");
    else if (audited < count)
        snprintf(reason, HEALTH_REASON_SIZE, "Redis has not been audited yet");
    return rebuilding == 0 && audited == count;
}
