#include "worker/index/restored.h"

#include <string.h>

#include "worker/kafka/message_headers.h"

static struct span header_of(const rd_kafka_message_t *message, const char *name)
{
    struct span value;
    return message_header_last(message, name, &value) ? value : SPAN_NONE;
}

bool restored_parse(const rd_kafka_message_t *message, struct restored *restored)
{
    rd_kafka_timestamp_type_t type;
    const char *slash = message->key ? memchr(message->key, '/', message->key_len) : NULL;
    if (!slash)
        return false;
    struct span key = span_of(message->key, message->key_len);
    *restored =
        (struct restored){.key = key,
                          .workspace = span_of(key.at, (size_t)(slash - key.at)),
                          .id = span_from(key, (size_t)(slash - key.at) + 1),
                          .source = header_of(message, "source"),
                          .hash = header_of(message, "command-hash"),
                          .record = span_of(message->payload, message->payload ? message->len : 0),
                          .place = {message->partition, message->offset, rd_kafka_message_timestamp(message, &type)}};
    return restored->id.length == CLIENT_ID_LENGTH &&
           (!restored->record.at || (restored->source.at && stored_client_can_be(restored->source, restored->hash)));
}

bool restored_is(const struct restored *restored, struct span value)
{
    const struct span parts[] = {RESTORED_VALUE(restored)};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!span_begins_with(value, parts[i]))
            return false;
        value = span_from(value, parts[i].length);
    }
    return value.length == 0;
}

size_t restored_bytes(const struct restored *restored)
{
    const struct span parts[] = {RESTORED_VALUE(restored)};
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        bytes += parts[i].length;
    return bytes;
}

static struct span created_at(struct span record)
{
    struct span name = SPAN("\"createdAt\":\"");
    const char *found = memmem(record.at, record.length, name.at, name.length);
    if (!found)
        return SPAN("");
    struct span rest = span_from(record, (size_t)(found - record.at) + name.length);
    const char *end = memchr(rest.at, '"', rest.length);
    return span_of(rest.at, end ? (size_t)(end - rest.at) : 0);
}

static int compare(struct span a, struct span b)
{
    int order = memcmp(a.at, b.at, a.length < b.length ? a.length : b.length);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

/* A longer text is the greater number, so sources of the same partition are ordered by offset. */
static int compare_sources(struct span a, struct span b)
{
    return a.length != b.length ? (a.length > b.length) - (a.length < b.length) : compare(a, b);
}

bool restored_has_right_to_email(const struct restored *restored, struct span rival_id,
                                 const struct stored_client *rival)
{
    int order = compare(created_at(restored->record), created_at(rival->record));
    if (order == 0)
        order = compare_sources(restored->source, rival->source);
    if (order == 0)
        order = compare(restored->id, rival_id);
    return order > 0;
}
