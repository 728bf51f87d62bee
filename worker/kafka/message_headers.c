#include "worker/kafka/message_headers.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/timestamp.h"
#include "worker/kafka/message_copy.h"

/* Every header that decode or reply looks for, the ids first. */
static const struct span known_headers[] = {
    {"command-id", 10},
    {"ce_id", 5},
    {"workspace-id", 12},
    {"ce_workspaceid", 14},
    {"ce_type", 7},
    {"content-type", 12},
    {"kafka_correlationId", 19},
    {"correlation-id", 14},
    {"REPLY_CORRELATION_ID", 20},
    {"kafka_replyTopic", 16},
    {"reply-topic", 11},
    {"REPLY_TOPIC", 11},
    {"kafka_replyPartition", 20},
    {"reply-partition", 15},
    {"REPLY_PARTITION", 15},
    {"traceparent", 11},
    {"tracestate", 10},
};
#define KNOWN_HEADERS (sizeof(known_headers) / sizeof(known_headers[0]))

/* Bytes of a header in addition to name and value: librdkafka's struct, the pointer to it, malloc's overhead. */
#define HEAP_OF_HEADER 64
#define NAME_LONGEST   ((size_t)256 << 20) /* more than any message */
#define WIRE_OF_HEADER 2                   /* at least: two lengths */

static size_t known_header(struct span name)
{
    size_t i = 0;
    while (i < KNOWN_HEADERS && !span_equal(known_headers[i], name))
        i++;
    return i;
}

/* librdkafka keeps a value in one block with its name, after the name's terminating NUL. */
struct span message_header_name(const char *name, const void *value)
{
    size_t shown = strlen(name);
    uintptr_t begin = (uintptr_t)name, end = (uintptr_t)value;
    bool in_one_block = value && end > begin + shown && end - begin - 1 <= NAME_LONGEST;
    return span_of(name, in_one_block ? (size_t)(end - begin - 1) : shown);
}

size_t message_headers_heap(const rd_kafka_headers_t *headers)
{
    const char *name;
    const void *value;
    size_t size, heap = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        heap += message_header_name(name, value).length + (value ? size : 0) + HEAP_OF_HEADER;
    return heap;
}

/* Measures all headers and finds the last one of each known name. */
static void headers_scan(const rd_kafka_headers_t *headers, struct item *item, struct header found[KNOWN_HEADERS])
{
    const char *name_text;
    const void *value;
    size_t size;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name_text, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        struct span name = message_header_name(name_text, value);
        size_t bytes = name.length + (value ? size : 0), known = known_header(name);
        item->outer_bytes += bytes;
        item->header_heap += bytes + HEAP_OF_HEADER;
        item->outer_held += bytes + WIRE_OF_HEADER;
        if (known < KNOWN_HEADERS)
            found[known] = (struct header){known_headers[known], span_of(value, value ? size : 0)};
    }
}

static void headers_keep(struct item *item, const struct header found[KNOWN_HEADERS], size_t room, struct arena *arena)
{
    uint32_t count = 0;
    struct header kept[KNOWN_HEADERS];
    for (size_t i = 0; i < KNOWN_HEADERS; i++) {
        if (!found[i].name.at || found[i].value.length > room)
            continue;
        room -= found[i].value.length;
        kept[count] = found[i];
        if (found[i].value.at)
            kept[count].value = arena_copy(arena, found[i].value);
        count++;
    }
    if (count == 0)
        return;
    struct header *list = arena_alloc(arena, count * sizeof(*list));
    memcpy(list, kept, count * sizeof(*list));
    item->headers = list;
    item->header_count = count;
}

rd_kafka_headers_t *message_headers_parse(rd_kafka_message_t *message, enum header_state *state)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_resp_err_t code = rd_kafka_message_detach_headers(message, &headers);
    bool is_read = code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__NOENT;
    *state = is_read ? HEADERS_READ : HEADERS_UNREADABLE;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : NULL;
}

void message_headers_take(struct item *item, rd_kafka_message_t *message, size_t room, struct arena *arena)
{
    struct header found[KNOWN_HEADERS] = {0};
    const bool is_copy = message_is_copy(message);
    rd_kafka_headers_t *parsed = is_copy ? NULL : message_headers_parse(message, &item->header_state);
    const rd_kafka_headers_t *headers = is_copy ? message_copy_headers(message, &item->header_state) : parsed;
    item->message = message;
    item->outer_bytes = item->outer_held = item->key.length;
    if (item->header_state == HEADERS_UNREADABLE)
        item->header_heap = item->outer_held = room;
    if (!headers)
        return;
    headers_scan(headers, item, found);
    headers_keep(item, found, room, arena);
    if (parsed)
        rd_kafka_headers_destroy(parsed);
}

void message_item_take(struct item *item, const char *topic, rd_kafka_message_t *message, size_t room,
                       struct arena *arena)
{
    const int64_t timestamp_ms = message_timestamp(message);
    *item = (struct item){
        .from = {topic, message->partition, message->offset, timestamp_ms < 0 ? 0 : time_of_message(timestamp_ms)},
        .key = span_of(message->key, message->key ? message->key_len : 0),
        .value = span_of(message->payload, message->payload ? message->len : 0),
    };
    message_headers_take(item, message, room, arena);
}

rd_kafka_headers_t *message_headers_all(const struct item *item)
{
    enum header_state state;
    rd_kafka_headers_t *headers = NULL;
    if (item->message && message_is_copy(item->message)) {
        const rd_kafka_headers_t *kept = message_copy_headers(item->message, &state);
        headers = kept ? rd_kafka_headers_copy(kept) : NULL;
    } else if (item->message) {
        headers = message_headers_parse(item->message, &state);
    }
    return headers ? headers : rd_kafka_headers_new(8);
}

bool message_header_last(const rd_kafka_message_t *message, const char *name, struct span *value)
{
    rd_kafka_headers_t *headers;
    const void *bytes;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &bytes, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *value = span_of(bytes, bytes ? size : 0);
    return true;
}
