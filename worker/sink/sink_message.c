/* The messages of a batch: replies, records and dead letters. */
#include <assert.h>

#include "common/clock.h"
#include "worker/kafka/kafka_refusal.h"
#include "worker/kafka/message_headers.h"
#include "worker/sink/sink_internal.h"
#include "worker/validate/reply.h"

static void add_headers(rd_kafka_headers_t *list, const struct header *headers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_header_add(list, headers[i].name.at, (ssize_t)headers[i].name.length, headers[i].value.at,
                                headers[i].value.at ? (ssize_t)headers[i].value.length : 0);
        assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
        (void)code;
    }
}

static rd_kafka_headers_t *sink_headers(const struct header *headers, uint32_t count)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);
    add_headers(list, headers, count);
    return list;
}

struct outgoing {
    rd_kafka_topic_t *topic;
    int32_t partition; /* RD_KAFKA_PARTITION_UA: by the key */
    struct span key, value;
    rd_kafka_headers_t *headers; /* owned by librdkafka after a success */
    size_t bytes;                /* about the size that the broker will count */
    enum message_kind kind;
};

/* Sets the reply's topic, and its partition: the one that the command names, else by key, else by source partition. */
static void sink_address_reply(struct sink *sink, uint32_t index, struct outgoing *outgoing)
{
    const struct item *item = &sink->batch->items[index];
    int32_t partitions, named;
    outgoing->topic = sink_route(sink, index, &partitions, &named);
    outgoing->key = sink_reply_key(item);
    if (named >= 0)
        outgoing->partition = named;
    else if (outgoing->key.at)
        outgoing->partition = RD_KAFKA_PARTITION_UA;
    else
        outgoing->partition = item->from.partition % partitions;
}

/* About the size that the broker will count. */
static size_t message_size(const struct outgoing *outgoing, const struct header *headers, uint32_t count)
{
    size_t bytes = outgoing->key.length + outgoing->value.length;
    for (uint32_t i = 0; i < count; i++)
        bytes += headers[i].name.length + headers[i].value.length;
    return bytes;
}

/* True if the topic has already refused a message of this size or smaller during this batch. */
static bool sink_knows_refusal(const struct sink *sink, const struct outgoing *outgoing)
{
    return sink->knows_sizes && outgoing->bytes > 0 && !size_limits_is_empty(sink->limits) &&
           outgoing->bytes >= size_limits_in_batch(sink->limits, rd_kafka_topic_name(outgoing->topic));
}

/* Hands one message to librdkafka, which copies key and headers and refers to the value. The value stays in the arena
 * or in the source's message until the batch has ended, and by then every delivery report has come. */
static rd_kafka_resp_err_t sink_produce(struct sink *sink, uint32_t index, const struct outgoing *outgoing)
{
    void *tag = (void *)(((uintptr_t)index << 2) | outgoing->kind);
    if (sink_knows_refusal(sink, outgoing)) {
        rd_kafka_headers_destroy(outgoing->headers);
        sink->failed++;
        sink_refuse(sink, &sink->batch->items[index], outgoing->kind);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = outgoing->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = outgoing->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)outgoing->key.at, outgoing->key.length}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)outgoing->value.at, outgoing->value.length}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = tag},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = outgoing->headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(sink->producer, parts, sizeof(parts) / sizeof(parts[0]));
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_destroy(error);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        sink->undelivered++;
        sink_route_sent(outgoing->topic, outgoing->key.at != NULL);
        return code;
    }
    rd_kafka_headers_destroy(outgoing->headers);
    if (code != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !kafka_is_longer_than_queue(sink->producer, code)) {
        /* After a fatal error librdkafka answers with its code, which is about another message. */
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL &&
            rd_kafka_fatal_error(sink->producer, NULL, 0) == RD_KAFKA_RESP_ERR_NO_ERROR)
            sink_route_failed(sink, outgoing->topic, code);
        return code;
    }
    /* The message is larger than the producer's message.max.bytes or queue.buffering.max.kbytes. */
    sink->failed++;
    sink_refuse(sink, &sink->batch->items[index], outgoing->kind);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static size_t reply_size(struct sink *sink, uint32_t index)
{
    const struct item *item = &sink->batch->items[index];
    struct outgoing outgoing = {.value = item->reply};
    sink_address_reply(sink, index, &outgoing);
    return message_size(&outgoing, item->reply_headers, item->reply_header_count);
}

void sink_fit_reply(struct sink *sink, uint32_t index)
{
    struct item *item = &sink->batch->items[index];
    if (!item_is_ours(item) || item->reply_form == FORM_NONE || sink_reply_is_void(item) ||
        item_is_delivered(item, MESSAGE_REPLY))
        return;
    reply_recompose(item, sink->config, &sink->batch->arena);
    if (size_limits_is_empty(sink->limits))
        return;
    size_t refused = size_limits_get(sink->limits, sink_reply_topic(sink, index), clock_now_ms());
    while (refused < SIZE_MAX && item->reply_form < FORM_KEYLESS && reply_size(sink, index) >= refused) {
        item->reply_form++;
        reply_recompose(item, sink->config, &sink->batch->arena);
    }
}

/* True if a topic that the command names has refused such a small reply lately. Otherwise each batch with such a
 * command would cost an undone transaction. A reply to replies.topic is always tried. */
static bool reply_is_hopeless(struct sink *sink, const struct item *item, const struct outgoing *outgoing)
{
    return item->reply_form == FORM_KEYLESS && outgoing->bytes <= SMALLEST_REPLY_BYTES &&
           outgoing->topic != sink->default_topic->handle && !size_limits_is_empty(sink->limits) &&
           outgoing->bytes >= size_limits_get(sink->limits, rd_kafka_topic_name(outgoing->topic), clock_now_ms());
}

rd_kafka_resp_err_t sink_send_reply(struct sink *sink, uint32_t index)
{
    struct item *item = &sink->batch->items[index];
    if (!item_is_ours(item) || item->reply_form == FORM_NONE || sink_reply_is_void(item) ||
        item_is_delivered(item, MESSAGE_REPLY))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    assert(item->outcome != OUTCOME_UNDECIDED && item->reply.length > 0);
    struct outgoing outgoing = {.value = item->reply, .kind = MESSAGE_REPLY};
    sink_address_reply(sink, index, &outgoing);
    item->reply_bytes = outgoing.bytes = message_size(&outgoing, item->reply_headers, item->reply_header_count);
    if (reply_is_hopeless(sink, item, &outgoing)) {
        sink_leave_out_reply(item);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    outgoing.headers = sink_headers(item->reply_headers, item->reply_header_count);
    return sink_produce(sink, index, &outgoing);
}

static rd_kafka_resp_err_t sink_send_record(struct sink *sink, uint32_t index, struct arena *scratch)
{
    struct item *item = &sink->batch->items[index];
    struct span id = span_of(item->client_id, CLIENT_ID_LENGTH);
    struct span workspace = arena_copy(scratch, item->workspace);
    arena_copy(scratch, SPAN("/"));
    arena_copy(scratch, id);
    const struct header headers[] = {{SPAN("command-id"), item->command_id},
                                     {SPAN("command-hash"), span_of(item->hash, HASH_LENGTH)},
                                     {SPAN("source"), item->position}};
    const uint32_t count = sizeof(headers) / sizeof(headers[0]);
    struct outgoing outgoing = {.topic = sink->records,
                                .partition = RD_KAFKA_PARTITION_UA,
                                .key = span_of(workspace.at, workspace.length + 1 + id.length),
                                .value = item->record,
                                .headers = sink_headers(headers, count),
                                .kind = MESSAGE_RECORD};
    item->record_bytes = outgoing.bytes = message_size(&outgoing, headers, count);
    return sink_produce(sink, index, &outgoing);
}

/* The least bytes that the lengths of a header take. They matter in a dead letter of 100,000 headers. */
#define HEADER_LENGTHS 2

static size_t dead_letter_size(const struct item *item, const struct header *headers, uint32_t count)
{
    size_t bytes = item->value.length + (item->header_state == HEADERS_READ ? item->outer_held : item->key.length);
    for (uint32_t i = 0; i < count; i++)
        bytes += headers[i].name.length + headers[i].value.length + HEADER_LENGTHS;
    return bytes;
}

/* Sends key, value and headers of the command, followed by the headers of the dead letter. A dead letter of a size that
 * the topic has refused lately is refused without a try. */
static rd_kafka_resp_err_t sink_send_dead_letter(struct sink *sink, uint32_t index, struct arena *scratch)
{
    struct item *item = &sink->batch->items[index];
    struct header headers[REPLY_HEADERS];
    uint32_t count = dead_letter_headers(item, scratch, headers);
    item->dead_letter_bytes = dead_letter_size(item, headers, count);
    if (item->dead_letter_bytes >= size_limits_get(sink->limits, sink->config->dead_letters.topic, clock_now_ms())) {
        sink_refuse_dead_letter(item);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_headers_t *list = message_headers_all(item);
    add_headers(list, headers, count);
    const struct outgoing outgoing = {.topic = sink->dead_letters,
                                      .partition = RD_KAFKA_PARTITION_UA,
                                      .key = item->key,
                                      .value = item->value,
                                      .headers = list,
                                      .bytes = item->dead_letter_bytes,
                                      .kind = MESSAGE_DEAD_LETTER};
    return sink_produce(sink, index, &outgoing);
}

rd_kafka_resp_err_t sink_send_companion(struct sink *sink, uint32_t index, struct arena *scratch)
{
    const struct item *item = &sink->batch->items[index];
    if (!item_is_ours(item))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (item->outcome == OUTCOME_CREATED && !item_is_delivered(item, MESSAGE_RECORD))
        return sink_send_record(sink, index, scratch);
    if (item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error) && item->dead_letter_form == FORM_FULL &&
        !item_is_delivered(item, MESSAGE_DEAD_LETTER))
        return sink_send_dead_letter(sink, index, scratch);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
