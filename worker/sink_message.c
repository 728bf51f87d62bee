/* The messages that a batch becomes: replies, records and dead letters. */
#include <assert.h>

#include "worker/reply.h"
#include "worker/sink_parts.h"

void sink_refuse(struct sink *sink, struct item *item, enum message_kind kind)
{
    static const char *const whats[] = {[MESSAGE_REPLY] = "a reply is refused as too large",
                                        [MESSAGE_RECORD] = "a client is refused as too large",
                                        [MESSAGE_DEAD_LETTER] =
                                            "dead letter refused as too large; the command stays in its topic"};
    log_warning(whats[kind], LOG_TEXT("topic", item->from.topic), LOG_INTEGER("partition", item->from.partition),
                LOG_INTEGER("offset", item->from.offset));
    if (kind == MESSAGE_DEAD_LETTER) {
        item->dead_letter_refused = true;
    } else if (!item->refused || (item->refusal_counts && !item->bare)) {
        item->bare = item->refused;
        item->refused = true;
        sink->has_refused = true;
    }
}

static rd_kafka_headers_t *sink_headers(const struct header *headers, uint32_t count)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(count);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_header_add(list, headers[i].name.at, (ssize_t)headers[i].name.length, headers[i].value.at,
                                headers[i].value.at ? (ssize_t)headers[i].value.length : 0);
        assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
        (void)code;
    }
    return list;
}

struct outgoing {
    rd_kafka_topic_t *topic;
    int32_t partition; /* RD_KAFKA_PARTITION_UA: by the key */
    struct span key, value;
    rd_kafka_headers_t *headers; /* taken */
    enum message_kind kind;
};

/* Hands one message to librdkafka, which copies key and headers and refers to the value: that stays where it is, in the
 * arena or in the source's message, until the batch is settled, and by then every report has come. Waits while
 * librdkafka's queue is full. */
static rd_kafka_resp_err_t sink_produce(struct sink *sink, uint32_t index, const struct outgoing *outgoing)
{
    void *tag = (void *)(((uintptr_t)index << 2) | outgoing->kind);
    for (;;) {
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
            sink_route_sent(outgoing->topic);
            return code;
        }
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            sink_refuse(sink, &sink->batch->items[index], outgoing->kind);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            sink_route_failed(sink, outgoing->topic, code);
            rd_kafka_headers_destroy(outgoing->headers);
            return code;
        }
        rd_kafka_poll(sink->producer, 10);
    }
}

/* Where a reply goes: the topic and partition that the command names, else by key, else by source partition. */
static void sink_address_reply(struct sink *sink, uint32_t index, struct outgoing *outgoing)
{
    const struct item *item = &sink->batch->items[index];
    int32_t partitions, named;
    outgoing->topic = sink_route(sink, index, &partitions, &named);
    outgoing->key = item->key.at ? item->key : item->workspace;
    if (named >= 0)
        outgoing->partition = named;
    else if (outgoing->key.at)
        outgoing->partition = RD_KAFKA_PARTITION_UA;
    else
        outgoing->partition = item->from.partition % partitions;
}

static rd_kafka_resp_err_t sink_send_reply(struct sink *sink, uint32_t index, struct arena *scratch)
{
    const struct item *item = &sink->batch->items[index];
    struct header headers[REPLY_HEADERS];
    uint32_t count = reply_headers(item, sink->config, scratch, headers);
    struct outgoing outgoing = {.value = item->reply, .headers = sink_headers(headers, count), .kind = MESSAGE_REPLY};
    sink_address_reply(sink, index, &outgoing);
    return sink_produce(sink, index, &outgoing);
}

static rd_kafka_resp_err_t sink_send_record(struct sink *sink, uint32_t index, struct arena *scratch)
{
    const struct item *item = &sink->batch->items[index];
    struct span id = span_of(item->client_id, CLIENT_ID_LENGTH);
    struct span workspace = arena_copy(scratch, item->workspace);
    arena_copy(scratch, SPAN("/"));
    arena_copy(scratch, id);
    const struct header headers[] = {{SPAN("command-id"), item->command_id},
                                     {SPAN("command-hash"), span_of(item->hash, HASH_LENGTH)},
                                     {SPAN("source"), position_text(&item->from, scratch)}};
    const struct outgoing outgoing = {.topic = sink->records,
                                      .partition = RD_KAFKA_PARTITION_UA,
                                      .key = span_of(workspace.at, workspace.length + 1 + id.length),
                                      .value = item->record,
                                      .headers = sink_headers(headers, sizeof(headers) / sizeof(headers[0])),
                                      .kind = MESSAGE_RECORD};
    return sink_produce(sink, index, &outgoing);
}

/* Key, value and headers as they came, with those of the dead letter behind them. */
static rd_kafka_resp_err_t sink_send_dead_letter(struct sink *sink, uint32_t index, struct arena *scratch)
{
    const struct item *item = &sink->batch->items[index];
    struct header headers[REPLY_HEADERS];
    uint32_t count = dead_letter_headers(item, scratch, headers);
    rd_kafka_headers_t *list = sink_headers(item->headers, item->header_count);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_header_add(list, headers[i].name.at, (ssize_t)headers[i].name.length,
                                                       headers[i].value.at, (ssize_t)headers[i].value.length);
        assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
        (void)code;
    }
    const struct outgoing outgoing = {.topic = sink->dead_letters,
                                      .partition = RD_KAFKA_PARTITION_UA,
                                      .key = item->key,
                                      .value = item->value,
                                      .headers = list,
                                      .kind = MESSAGE_DEAD_LETTER};
    rd_kafka_resp_err_t code = sink_produce(sink, index, &outgoing);
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

rd_kafka_resp_err_t sink_send_item(struct sink *sink, uint32_t index, struct arena *scratch)
{
    const struct item *item = &sink->batch->items[index];
    if (item->dropped)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    assert(item->outcome != OUTCOME_UNDECIDED && item->reply.length > 0);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (item->outcome == OUTCOME_CREATED)
        code = sink_send_record(sink, index, scratch);
    else if (item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error) && !item->dead_letter_refused)
        code = sink_send_dead_letter(sink, index, scratch);
    return code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : sink_send_reply(sink, index, scratch);
}
