#include "worker/replay/replay_time_seek.h"

#include "worker/replay/history_reader.h"

/* The timestamp if it is late enough, or -1. Destroys the message. */
static int64_t late_enough(rd_kafka_message_t *message, int64_t time_ms)
{
    rd_kafka_timestamp_type_t type;
    const int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    rd_kafka_message_destroy(message);
    return timestamp_ms >= time_ms ? timestamp_ms : -1;
}

bool replay_time_seek(const struct config *config, int32_t partition, int64_t end, int64_t time_ms, int wait_ms,
                      int64_t *offset, int64_t *found_ms, char *error, size_t error_size)
{
    struct history_hole hole;
    rd_kafka_message_t *message;
    struct history_reader *reader = history_reader_open(config, config->commands.topic, wait_ms, error, error_size);
    enum history_reading reading = HISTORY_PAUSE;
    if (!reader || !history_reader_begin(reader, partition, *offset, end, error, error_size))
        reading = HISTORY_FAILED;
    *found_ms = -1;
    while (reading != HISTORY_FAILED && reading != HISTORY_END && *found_ms < 0) {
        reading = history_reader_next(reader, &message, &hole, error, error_size);
        if (reading != HISTORY_MESSAGE)
            continue;
        *offset = message->offset;
        *found_ms = late_enough(message, time_ms);
    }
    if (reading == HISTORY_END)
        *offset = end;
    history_reader_close(reader);
    return reading != HISTORY_FAILED;
}
