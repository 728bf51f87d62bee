/* Fills the library from the definitions topic or from Redis. */
#include <errno.h>
#include <stdio.h>

#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/kafka/topic_reader.h"
#include "worker/replay/definitions_library.h"

static bool add(struct definitions_library *library, struct span workspace, struct span json, int32_t partition,
                int64_t offset, int64_t timestamp_ms, char *error, size_t error_size)
{
    if (definitions_library_add(library, workspace, json, partition, offset, timestamp_ms))
        return true;
    snprintf(error, error_size, "definitions cannot be kept: %s", strerror(errno));
    return false;
}

static bool add_message(struct definitions_library *library, const rd_kafka_message_t *message, char *error,
                        size_t error_size)
{
    rd_kafka_timestamp_type_t type;
    struct span workspace = definitions_history_workspace(message);
    return !workspace.at || add(library, workspace, span_of(message->payload, message->len), message->partition,
                                message->offset, rd_kafka_message_timestamp(message, &type), error, error_size);
}

bool definitions_library_read_topic(struct definitions_library *library, const struct config *config, int wait_ms,
                                    char *error, size_t error_size)
{
    struct topic_reader *reader = topic_reader_open(config, config->definitions.topic, wait_ms, error, error_size);
    rd_kafka_message_t *message;
    enum topic_reading reading = TOPIC_PAUSE;
    bool ok = reader != NULL;
    while (ok && (reading = topic_reader_next(reader, &message, error, error_size)) != TOPIC_END) {
        if (reading == TOPIC_FAILED)
            ok = false;
        if (reading != TOPIC_MESSAGE)
            continue;
        ok = add_message(library, message, error, error_size);
        rd_kafka_message_destroy(message);
    }
    topic_reader_close(reader);
    return ok;
}

/* ---- Redis ---- */

struct redis_reading {
    struct definitions_library *library;
    int64_t count;
};

/* Of a workspace that SCAN gives twice, the value that was read last counts. */
static bool add_value(void *listener, struct span workspace, struct span json, char *error, size_t error_size)
{
    struct redis_reading *reading = listener;
    return add(reading->library, workspace, json, 0, reading->count++, INT64_MIN, error, error_size);
}

bool definitions_library_read_redis(struct definitions_library *library, const struct config *config, char *error,
                                    size_t error_size)
{
    struct redis_reading reading = {.library = library};
    struct definitions_redis *redis = definitions_redis_open(config, error, error_size);
    bool ok = redis && definitions_redis_scan(redis, add_value, &reading, error, error_size);
    definitions_redis_close(redis);
    return ok;
}
