#include "worker/source/source_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/log.h"
#include "worker/kafka/message_copy.h"
#include "worker/kafka/message_headers.h"

rd_kafka_message_t *placeholder_new(int32_t partition, int64_t offset)
{
    rd_kafka_message_t *placeholder = calloc(1, sizeof(*placeholder));
    if (!placeholder)
        abort();
    placeholder->err = RD_KAFKA_RESP_ERR__BAD_COMPRESSION;
    placeholder->partition = partition;
    placeholder->offset = offset;
    return placeholder;
}

bool message_is_placeholder(const rd_kafka_message_t *message)
{
    return message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION;
}

int64_t source_message_timestamp(const rd_kafka_message_t *message)
{
    return message_is_placeholder(message) ? -1 : message_timestamp(message);
}

struct log_mark source_message_mark(const rd_kafka_message_t *message)
{
    struct log_mark mark = LOG_MARK_NONE;
    mark.offset = message->offset;
    mark.timestamp_ms = source_message_timestamp(message);
    mark.hash = message->payload ? XXH3_64bits(message->payload, message->len) : 0;
    return mark;
}

/* Librdkafka tells the compressed size of a batch that it cannot decompress in the text of the error only. 0 if it is
 * not there. */
static int64_t compressed_bytes(const rd_kafka_message_t *error)
{
    int64_t bytes = 0;
    int end = 0;
    for (const char *at = rd_kafka_message_errstr(error); (at = strstr(at, " of ")) && end == 0; at += 4)
        if (sscanf(at, " of %" SCNd64 " bytes failed%n", &bytes, &end) < 1 || end == 0)
            bytes = end = 0;
    return bytes > 0 && bytes <= INT32_MAX ? bytes : 0;
}

struct log_mark source_place_mark(const struct log_mark *command, int64_t place)
{
    const int64_t numbers[] = {command->offset, command->timestamp_ms, (int64_t)command->hash};
    struct log_mark mark = *command;
    if (command->offset == place)
        return mark;
    mark.kind = LOG_MARK_NEXT;
    mark.offset = place;
    mark.timestamp_ms = -1;
    mark.hash = XXH3_64bits(numbers, sizeof(numbers));
    return mark;
}

struct log_mark source_message_place_mark(const rd_kafka_message_t *message, int64_t place, int64_t limit)
{
    struct log_mark mark = LOG_MARK_NONE;
    if (message->err != RD_KAFKA_RESP_ERR__BAD_COMPRESSION) {
        mark = source_message_mark(message);
        return source_place_mark(&mark, place);
    }
    mark.kind = LOG_MARK_UNREADABLE;
    mark.offset = place > message->offset ? place : message->offset;
    mark.base = message->offset;
    mark.bytes = compressed_bytes(message);
    mark.limit = limit;
    return mark;
}

void source_message_take(struct batch *batch, const char *topic, rd_kafka_message_t *message)
{
    struct item *item = &batch->items[batch->count++];
    if (message_is_placeholder(message))
        *item =
            (struct item){.from = {topic, message->partition, message->offset, 0}, .header_state = MESSAGE_UNREADABLE};
    else
        message_item_take(item, topic, message, batch->command_bytes, &batch->arena);
    if (item->header_state == HEADERS_UNREADABLE)
        log_warning("headers of a command cannot be read; its dead letter comes without them", LOG_TEXT("topic", topic),
                    LOG_INTEGER("partition", message->partition), LOG_INTEGER("offset", message->offset));
    batch->bytes += item->value.length + item->key.length + item->header_heap;
}

void source_message_destroy(rd_kafka_message_t *message)
{
    if (message_is_placeholder(message))
        free(message);
    else if (message_is_copy(message))
        message_copy_free(message);
    else
        rd_kafka_message_destroy(message);
}
