#include "tests/live/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A packed header: this, then the name, a NUL and the value. */
struct header_head {
    uint32_t name_length;
    int32_t value_length; /* -1: null */
};

static void scratch_append(struct message_scratch *scratch, size_t *length, const void *bytes, size_t count)
{
    if (*length + count > scratch->capacity) {
        scratch->capacity = 2 * (*length + count);
        scratch->at = realloc(scratch->at, scratch->capacity);
        if (!scratch->at)
            abort();
    }
    if (count > 0)
        memcpy(scratch->at + *length, bytes, count);
    *length += count;
}

struct message message_pack(const char *topic, const rd_kafka_message_t *received, struct message_scratch *scratch)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *headers;
    struct message message = {.topic = topic,
                              .offset = received->offset,
                              .timestamp = rd_kafka_message_timestamp(received, &type),
                              .partition = received->partition,
                              .key = {received->key, received->key_len},
                              .value = {received->payload, received->len}};
    const char *name;
    const void *value;
    size_t value_length, length = 0;
    if (rd_kafka_message_headers(received, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return message;
    while (rd_kafka_header_get_all(headers, (size_t)message.header_count, &name, &value, &value_length) ==
           RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct header_head head = {(uint32_t)strlen(name), value ? (int32_t)value_length : -1};
        scratch_append(scratch, &length, &head, sizeof(head));
        scratch_append(scratch, &length, name, head.name_length + 1);
        scratch_append(scratch, &length, value, value ? value_length : 0);
        message.header_count++;
    }
    message.headers = (struct bytes){scratch->at, length};
    return message;
}

void message_scratch_free(struct message_scratch *scratch)
{
    free(scratch->at);
    *scratch = (struct message_scratch){0};
}

static struct bytes copy_bytes(struct arena *arena, struct bytes bytes)
{
    if (bytes.at)
        bytes.at = arena_text(arena, bytes.at, bytes.length);
    return bytes;
}

struct message *message_copy(struct arena *arena, const struct message *message, size_t long_value)
{
    struct message *copy = arena_take(arena, sizeof(*copy));
    *copy = *message;
    copy->key = copy_bytes(arena, message->key);
    copy->headers = copy_bytes(arena, message->headers);
    if (message->value.length > long_value) {
        XXH128_hash_t hash = XXH3_128bits(message->value.at, message->value.length);
        copy->value = copy_bytes(arena, (struct bytes){(const char *)&hash, sizeof(hash)});
    } else {
        copy->value = copy_bytes(arena, message->value);
    }
    return copy;
}

bool message_next_header(const struct message *message, size_t *position, const char **name, struct bytes *value)
{
    struct header_head head;
    if (*position >= message->headers.length)
        return false;
    memcpy(&head, message->headers.at + *position, sizeof(head));
    *name = message->headers.at + *position + sizeof(head);
    *value = (struct bytes){NULL, 0};
    if (head.value_length >= 0)
        *value = (struct bytes){*name + head.name_length + 1, (size_t)head.value_length};
    *position += sizeof(head) + head.name_length + 1 + value->length;
    return true;
}

static bool find_header(const struct message *message, const char *wanted, struct bytes *found)
{
    const char *name;
    struct bytes value;
    bool is_there = false;
    for (size_t position = 0; message_next_header(message, &position, &name, &value);)
        if (strcmp(name, wanted) == 0) {
            *found = value;
            is_there = true;
        }
    return is_there;
}

bool message_has_header(const struct message *message, const char *name)
{
    struct bytes value;
    return find_header(message, name, &value);
}

struct bytes message_header(const struct message *message, const char *name)
{
    struct bytes value = {NULL, 0};
    find_header(message, name, &value);
    return value;
}

bool bytes_equal(struct bytes one, struct bytes other)
{
    if (!one.at || !other.at)
        return !one.at && !other.at;
    return one.length == other.length && memcmp(one.at, other.at, one.length) == 0;
}

bool bytes_are(struct bytes bytes, const char *text)
{
    return bytes.at && bytes.length == strlen(text) && memcmp(bytes.at, text, bytes.length) == 0;
}

const char *place_of(const char *topic, int32_t partition, int64_t offset)
{
    static char texts[4][320];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof(texts[0]), "%s/%d/%lld", topic, partition, (long long)offset);
    return text;
}

const char *place(const struct message *message)
{
    return place_of(message->topic, message->partition, message->offset);
}
