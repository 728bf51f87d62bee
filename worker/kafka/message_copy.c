#include "worker/kafka/message_copy.h"

#include <stdlib.h>
#include <string.h>

#include "worker/kafka/message_headers.h"

struct copy {
    rd_kafka_message_t message; /* the first member */
    int64_t timestamp_ms;
    rd_kafka_headers_t *headers; /* owned, or NULL */
    enum header_state header_state;
    size_t bytes;
    char content[]; /* the key, and behind it the value */
};

/* `_private` of a copy points here. In librdkafka's messages it is librdkafka's. */
static char mark;

bool message_is_copy(const rd_kafka_message_t *message)
{
    return message->_private == &mark;
}

static struct copy *copy_of(rd_kafka_message_t *message)
{
    return (struct copy *)(void *)message;
}

static const struct copy *view_of(const rd_kafka_message_t *message)
{
    return (const struct copy *)(const void *)message;
}

rd_kafka_message_t *message_copy_new(rd_kafka_message_t *message)
{
    const size_t key = message->key ? message->key_len : 0, value = message->payload ? message->len : 0;
    struct copy *copy = calloc(1, sizeof(*copy) + key + value);
    if (!copy)
        abort();
    copy->message.partition = message->partition;
    copy->message.offset = message->offset;
    copy->message._private = &mark;
    if (message->key) {
        copy->message.key = copy->content;
        copy->message.key_len = key;
        memcpy(copy->content, message->key, key);
    }
    if (message->payload) {
        copy->message.payload = copy->content + key;
        copy->message.len = value;
        memcpy(copy->content + key, message->payload, value);
    }
    copy->timestamp_ms = message_timestamp(message);
    copy->headers = message_headers_parse(message, &copy->header_state);
    copy->bytes = sizeof(*copy) + key + value + (copy->headers ? message_headers_heap(copy->headers) : 0);
    return &copy->message;
}

void message_copy_free(rd_kafka_message_t *message)
{
    struct copy *copy = copy_of(message);
    if (copy->headers)
        rd_kafka_headers_destroy(copy->headers);
    free(copy);
}

size_t message_copy_bytes(const rd_kafka_message_t *copy)
{
    return view_of(copy)->bytes;
}

size_t message_copy_estimate(const struct item *item)
{
    return sizeof(struct copy) + item->key.length + item->value.length + item->header_heap;
}

const rd_kafka_headers_t *message_copy_headers(const rd_kafka_message_t *message, enum header_state *state)
{
    *state = view_of(message)->header_state;
    return view_of(message)->headers;
}

int64_t message_timestamp(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    if (message_is_copy(message))
        return view_of(message)->timestamp_ms;
    const int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms;
}
