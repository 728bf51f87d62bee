#include "worker/commands/check_sizes.h"

#include <inttypes.h>
#include <stdlib.h>

static int64_t number_of(const char *value)
{
    return value ? strtoll(value, NULL, 10) : 0;
}

static int64_t kafka_size(const struct config *config, const struct kafka_setting *specific, const char *name)
{
    return number_of(config_kafka(config, specific, name));
}

/* `size` is less than what `user` needs. */
static void tell_size(struct check_report *report, const char *check, const char *subject, int64_t size,
                      const char *user, int64_t needed, const char *consequence)
{
    check_tell(report, check, CHECK_WARNING, "message_size", subject, "%" PRId64 " bytes, but %s needs %" PRId64 ": %s",
               size, user, needed, consequence);
}

void check_config_sizes(struct check_report *report, const struct config *config)
{
    const int64_t command = config->limits.command_bytes;
    const int64_t receive = kafka_size(config, config->kafka_consumer, "receive.message.max.bytes");
    const int64_t producer = kafka_size(config, config->kafka_producer, "message.max.bytes");
    if (receive > 0 && receive < 2 * command + REPLY_ROOM)
        tell_size(report, "config", "kafka.consumer.receive.message.max.bytes", receive,
                  "a command of limits.command_bytes with headers of the same length", 2 * command + REPLY_ROOM,
                  "such a command cannot be read");
    if (producer > 0 && producer < command + REPLY_ROOM)
        tell_size(report, "config", "kafka.producer.message.max.bytes", producer,
                  "a client from a command of limits.command_bytes", command + REPLY_ROOM,
                  "such a command is answered as too_large");
}

static void check_command_sizes(struct check_report *report, const struct config *config,
                                const struct checked_topic *topic)
{
    const int64_t receive = kafka_size(config, config->kafka_consumer, "receive.message.max.bytes");
    const int64_t producer = kafka_size(config, config->kafka_producer, "message.max.bytes");
    const int64_t longest = topic->message_max_bytes;
    if (longest < config->limits.command_bytes)
        tell_size(report, "topic", topic->name, longest, "a command of limits.command_bytes",
                  config->limits.command_bytes, "Kafka takes no such command");
    if (receive > 0 && receive < longest)
        tell_size(report, "config", "kafka.consumer.receive.message.max.bytes", receive,
                  "the longest message of the command topic", longest, "longer commands cannot be read");
    if (producer > 0 && producer < longest)
        tell_size(report, "config", "kafka.producer.message.max.bytes", producer,
                  "the longest message of the command topic", longest, "longer commands cannot become dead letters");
}

void check_topic_sizes(struct check_report *report, const struct config *config, const struct checked_topic *commands,
                       const struct checked_topic *topic)
{
    const int64_t client = config->limits.command_bytes + REPLY_ROOM, longest = topic->message_max_bytes;
    if (longest == 0)
        return;
    switch (topic->role) {
    case ROLE_COMMANDS:
        check_command_sizes(report, config, topic);
        break;
    case ROLE_REPLIES:
    case ROLE_RECORDS:
        if (longest < client)
            tell_size(report, "topic", topic->name, longest, "a client from a command of limits.command_bytes", client,
                      "such a command is answered as too_large, or its reply comes without details");
        break;
    case ROLE_DEAD_LETTERS:
        if (longest < commands->message_max_bytes)
            tell_size(report, "topic", topic->name, longest, "the longest message of the command topic",
                      commands->message_max_bytes, "longer commands cannot become dead letters");
        break;
    case ROLE_DEFINITIONS:
        break;
    }
}
