#include "worker/validate/reply_address.h"

#include <string.h>

#define TOPIC_CHARACTERS   249
#define PARTITION_BYTES    4
#define PARTITION_DIGITS   10
#define INTERNAL_BEGINNING "__"

#define NAME(literal)                                                                                                  \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    }

static const struct span topic_headers[] = {NAME("kafka_replyTopic"), NAME("reply-topic"), NAME("REPLY_TOPIC")};
static const struct span partition_headers[] = {NAME("kafka_replyPartition"), NAME("reply-partition"),
                                                NAME("REPLY_PARTITION")};
#define HEADER_NAMES 3

/* The value of the first of these headers that has one; at == NULL: none has. */
static struct span first_value(const struct item *item, const struct span names[HEADER_NAMES])
{
    for (size_t i = 0; i < HEADER_NAMES; i++) {
        const struct header *header = item_header(item, names[i]);
        if (header && header->value.at && header->value.length > 0)
            return header->value;
    }
    return SPAN_NONE;
}

bool reply_topic_is_legal(struct span name)
{
    if (name.length == 0 || name.length > TOPIC_CHARACTERS)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.at[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!letter && !(byte >= '0' && byte <= '9') && byte != '.' && byte != '_' && byte != '-')
            return false;
    }
    return !span_equal(name, SPAN(".")) && !span_equal(name, SPAN(".."));
}

/* `*` matches any characters, or none. After a mismatch the last `*` takes one character more, so the time is at
 * worst the product of the lengths. */
static bool pattern_matches(const char *pattern, struct span name)
{
    const char *star = NULL;
    size_t at = 0, taken = 0;
    while (at < name.length) {
        if (*pattern == '*') {
            star = pattern++;
            taken = at;
        } else if (*pattern == name.at[at]) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star + 1;
            at = ++taken;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool has_another_role(const struct config *config, struct span name)
{
    const char *const topics[] = {config->commands.topic, config->records.topic, config->definitions.topic,
                                  config->dead_letters.topic};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (span_equal(name, span_of_text(topics[i])))
            return true;
    return name.length >= strlen(INTERNAL_BEGINNING) &&
           memcmp(name.at, INTERNAL_BEGINNING, strlen(INTERNAL_BEGINNING)) == 0;
}

bool reply_topic_is_allowed(const struct config *config, struct span name)
{
    if (span_equal(name, span_of_text(config->replies.topic)))
        return true;
    if (has_another_role(config, name))
        return false;
    for (size_t i = 0; i < config->replies.allowed.count; i++)
        if (pattern_matches(config->replies.allowed.items[i], name))
            return true;
    return false;
}

static int64_t big_endian_of(struct span value)
{
    if (value.length != PARTITION_BYTES)
        return -1;
    const unsigned char *bytes = (const unsigned char *)value.at;
    return (int64_t)bytes[0] << 24 | (int64_t)bytes[1] << 16 | (int64_t)bytes[2] << 8 | bytes[3];
}

static int64_t decimal_of(struct span value)
{
    int64_t number = 0;
    if (value.length == 0 || value.length > PARTITION_DIGITS)
        return -1;
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return -1;
        number = number * 10 + (value.at[i] - '0');
    }
    return number;
}

struct reply_address reply_address(const struct item *item, const struct config *config)
{
    struct reply_address address = {
        .absence = REPLY_ASKED_NOTHING, .topic = SPAN_NONE, .big_endian = -1, .decimal = -1};
    struct span topic = item->header_count > 0 ? first_value(item, topic_headers) : SPAN_NONE;
    if (!topic.at)
        return address;
    if (!reply_topic_is_legal(topic)) {
        address.absence = REPLY_ILLEGAL_NAME;
        return address;
    }
    if (!reply_topic_is_allowed(config, topic)) {
        address.absence = REPLY_NOT_ALLOWED;
        return address;
    }
    struct span partition = first_value(item, partition_headers);
    address.absence = REPLY_AS_ASKED;
    address.topic = topic;
    address.big_endian = partition.at ? big_endian_of(partition) : -1;
    address.decimal = partition.at ? decimal_of(partition) : -1;
    return address;
}

int32_t reply_address_partition(const struct reply_address *address, int32_t partitions)
{
    if (address->big_endian >= 0 && address->big_endian < partitions)
        return (int32_t)address->big_endian;
    if (address->decimal >= 0 && address->decimal < partitions)
        return (int32_t)address->decimal;
    return -1;
}

bool reply_address_names_partition(const struct reply_address *address)
{
    return address->big_endian >= 0 || address->decimal >= 0;
}
