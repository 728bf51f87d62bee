#include "worker/kafka/marker_limits.h"

#include <stdlib.h>
#include <string.h>

/* `is_time`: it concerns timestamps that come with the messages, not those of message.timestamp.type = LogAppendTime.
 */
static const struct bound {
    const char *setting;
    int64_t least;
    bool is_time;
} bounds[] = {{"max.message.bytes", MARKER_BYTES_LEAST, false},
              {"segment.bytes", MARKER_BYTES_LEAST, false},
              {"message.timestamp.before.max.ms", MARKER_MS_LEAST, true},
              {"message.timestamp.after.max.ms", MARKER_MS_LEAST, true},
              {"message.timestamp.difference.max.ms", MARKER_MS_LEAST, true}}; /* before Kafka 4.0 */

static const char *setting_of(const rd_kafka_ConfigResource_t *topic, const char *name)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topic, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

bool marker_limit_find(const rd_kafka_ConfigResource_t *topic, struct marker_limit *limit)
{
    const char *type = setting_of(topic, "message.timestamp.type");
    const bool has_own_times = !type || strcmp(type, "LogAppendTime") != 0;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        const char *text = setting_of(topic, bounds[i].setting);
        if (!text || text[0] == '\0' || (bounds[i].is_time && !has_own_times))
            continue;
        const int64_t value = strtoll(text, NULL, 10);
        if (value >= bounds[i].least)
            continue;
        *limit = (struct marker_limit){bounds[i].setting, value, bounds[i].least};
        return true;
    }
    *limit = (struct marker_limit){0};
    return false;
}
