#include "worker/sink.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/crash_point.h"
#include "worker/kafka_log.h"
#include "worker/kafka_settings.h"
#include "worker/reply.h"

/* What a message is, kept in its opaque beside the item's index, so that a delivery report can be understood. */
enum message_kind { MESSAGE_REPLY, MESSAGE_RECORD, MESSAGE_DEAD_LETTER };

enum sink_step { STEP_IDLE, STEP_SENT, STEP_OFFSETS_SENT, STEP_ABORTING };

struct sink {
    rd_kafka_t *producer;
    const struct config *config;
    struct batch *batch;
    bool transactional;
    bool single;       /* every message travels alone */
    bool oversized;    /* a message was refused for its size, in company, since sink_send */
    bool has_refused;  /* and alone */
    bool initialized;  /* its transactional id is ours */
    bool prepared;     /* and the output topics are known */
    bool commit_tried; /* of the present transaction */
    bool suspect;
    enum sink_step step;
    rd_kafka_topic_t *replies, *records, *dead_letters;
    rd_kafka_topic_t **allowed; /* by index in config->replies.allowed */
    int32_t *partitions;        /* of replies, then of each allowed topic; 0: not known */
    uint32_t undelivered;       /* handed over, no report yet */
    uint32_t failed;            /* reports of failure since sink_send */
    struct offsets record_ends;
    struct log_fault fault;
};

static bool transactional_id(const struct config *config, rd_kafka_conf_t *conf, unsigned thread, char *why,
                             size_t why_size)
{
    const char *prefix = config_kafka(config, config->kafka_producer, "transactional.id");
    if (!prefix)
        prefix = "client-intake";
    char id[256];
    snprintf(id, sizeof(id), "%s-%u", prefix, thread);
    return rd_kafka_conf_set(conf, "transactional.id", id, why, why_size) == RD_KAFKA_CONF_OK;
}

/* The message is too large by itself. */
static void sink_refuse(struct sink *sink, struct item *item, enum message_kind kind)
{
    static const char *const whats[] = {[MESSAGE_REPLY] = "a reply is refused as too large",
                                        [MESSAGE_RECORD] = "a client is refused as too large",
                                        [MESSAGE_DEAD_LETTER] =
                                            "dead letter refused as too large; the command stays in its topic"};
    log_warning(whats[kind], LOG_TEXT("topic", item->from.topic), LOG_INTEGER("partition", item->from.partition),
                LOG_INTEGER("offset", item->from.offset));
    if (kind == MESSAGE_DEAD_LETTER) {
        item->dead_letter_refused = true;
    } else if (!item->refused) {
        item->refused = true;
        sink->has_refused = true;
    }
}

/* Librdkafka would log each failed message; the sink counts them and says it once. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct sink *sink = opaque;
    uintptr_t tag = (uintptr_t)message->_private;
    enum message_kind kind = tag & 3;
    sink->undelivered--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (kind == MESSAGE_RECORD)
            offsets_raise(&sink->record_ends, message->partition, message->offset + 1);
        return;
    }
    sink->failed++;
    if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        sink->oversized = !sink->single;
        if (sink->single)
            sink_refuse(sink, &sink->batch->items[tag >> 2], kind);
        return;
    }
    /* A purge follows from an error that has been logged already. */
    if (message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        log_fault_begin(&sink->fault, LOG_LIST(LOG_TEXT("topic", rd_kafka_topic_name(message->rkt)),
                                               LOG_TEXT("error", rd_kafka_err2str(message->err))));
}

static rd_kafka_topic_t *sink_topic(struct sink *sink, const char *name)
{
    return rd_kafka_topic_new(sink->producer, name, NULL);
}

static bool sink_topics(struct sink *sink)
{
    const struct text_list *allowed = &sink->config->replies.allowed;
    sink->replies = sink_topic(sink, sink->config->replies.topic);
    sink->records = sink_topic(sink, sink->config->records.topic);
    sink->dead_letters = sink_topic(sink, sink->config->dead_letters.topic);
    sink->allowed = calloc(allowed->count + 1, sizeof(rd_kafka_topic_t *));
    sink->partitions = calloc(allowed->count + 1, sizeof(*sink->partitions));
    if (!sink->replies || !sink->records || !sink->dead_letters || !sink->allowed || !sink->partitions)
        return false;
    for (size_t i = 0; i < allowed->count; i++)
        if (!(sink->allowed[i] = sink_topic(sink, allowed->items[i])))
            return false;
    return true;
}

struct sink *sink_open(const struct config *config, unsigned thread, struct batch *batch, bool single)
{
    char why[512] = "out of memory";
    struct sink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        goto failed;
    sink->config = config;
    sink->batch = batch;
    sink->single = single;
    sink->transactional = config->delivery.mode == DELIVERY_EXACTLY_ONCE;
    sink->fault = (struct log_fault){"sending fails", "sending goes on", 0};
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_producer, why, sizeof(why));
    if (!conf)
        goto failed;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, sink);
    bool fine = sink->transactional
                    ? transactional_id(config, conf, thread, why, sizeof(why))
                    : rd_kafka_conf_set(conf, "enable.idempotence", "true", why, sizeof(why)) == RD_KAFKA_CONF_OK;
    if (fine && single)
        fine = kafka_conf_set(conf, "batch.num.messages", "1", why, sizeof(why));
    if (fine)
        sink->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!sink->producer) {
        rd_kafka_conf_destroy(conf);
        goto failed;
    }
    if (sink_topics(sink))
        return sink;
    snprintf(why, sizeof(why), "%s", rd_kafka_err2str(rd_kafka_last_error()));
failed:
    log_error("cannot produce", LOG_TEXT("error", why));
    sink_close(sink);
    return NULL;
}

void sink_close(struct sink *sink)
{
    if (!sink)
        return;
    if (sink->producer) {
        rd_kafka_resp_err_t code = rd_kafka_purge(sink->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            log_debug("purging failed", LOG_TEXT("error", rd_kafka_err2str(code)));
        code = rd_kafka_flush(sink->producer, 1000);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            log_debug("flushing failed", LOG_TEXT("error", rd_kafka_err2str(code)));
    }
    for (size_t i = 0; sink->allowed && i < sink->config->replies.allowed.count; i++)
        if (sink->allowed[i])
            rd_kafka_topic_destroy(sink->allowed[i]);
    if (sink->replies)
        rd_kafka_topic_destroy(sink->replies);
    if (sink->records)
        rd_kafka_topic_destroy(sink->records);
    if (sink->dead_letters)
        rd_kafka_topic_destroy(sink->dead_letters);
    if (sink->producer)
        rd_kafka_destroy(sink->producer);
    free(sink->allowed);
    free(sink->partitions);
    offsets_free(&sink->record_ends);
    free(sink);
}

/* Judges an error of the transactional API by its three marks, in the order that librdkafka's manual gives. Frees it.
 */
static enum sink_result sink_judge(struct sink *sink, const char *event, rd_kafka_error_t *error)
{
    if (!error)
        return SINK_DONE;
    enum sink_result result = rd_kafka_error_is_fatal(error)             ? SINK_BROKEN
                              : rd_kafka_error_txn_requires_abort(error) ? SINK_ABORTED
                              : rd_kafka_error_is_retriable(error)       ? SINK_LATER
                                                                         : SINK_BROKEN;
    const struct log_value *values = LOG_LIST(LOG_TEXT("step", event), LOG_TEXT("code", rd_kafka_error_name(error)),
                                              LOG_TEXT("error", rd_kafka_error_string(error)),
                                              LOG_TEXT("next", result == SINK_BROKEN    ? "new producer"
                                                               : result == SINK_ABORTED ? "abort and run again"
                                                                                        : "try again"));
    int64_t left_out;
    if (result == SINK_LATER)
        log_fault_begin(&sink->fault, values);
    else if (kafka_log_is_news(event, rd_kafka_error_string(error), &left_out))
        log_event(LOG_LEVEL_WARNING, "transaction step failed", values);
    rd_kafka_error_destroy(error);
    return result;
}

/* The number of partitions of a topic, which a reply without key needs; also makes the first send to it quick. */
static bool sink_learn_topic(struct sink *sink, rd_kafka_topic_t *topic, int32_t *partitions, int wait_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(sink->producer, 0, topic, &metadata, wait_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (partitions && code == RD_KAFKA_RESP_ERR_NO_ERROR)
            *partitions = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    log_fault_begin(&sink->fault,
                    LOG_LIST(LOG_TEXT("topic", rd_kafka_topic_name(topic)), LOG_TEXT("error", rd_kafka_err2str(code))));
    return false;
}

static bool sink_learn_topics(struct sink *sink, int wait_ms)
{
    for (size_t i = 0; i < sink->config->replies.allowed.count; i++)
        if (sink->partitions[i + 1] == 0 &&
            !sink_learn_topic(sink, sink->allowed[i], &sink->partitions[i + 1], wait_ms))
            return false;
    return sink_learn_topic(sink, sink->replies, &sink->partitions[0], wait_ms) &&
           sink_learn_topic(sink, sink->records, NULL, wait_ms) &&
           sink_learn_topic(sink, sink->dead_letters, NULL, wait_ms);
}

enum sink_result sink_prepare(struct sink *sink, int wait_ms)
{
    if (sink->prepared)
        return SINK_DONE;
    if (sink->transactional && !sink->initialized) {
        enum sink_result result =
            sink_judge(sink, "init transactions", rd_kafka_init_transactions(sink->producer, wait_ms));
        if (result != SINK_DONE)
            return result == SINK_ABORTED ? SINK_BROKEN : result;
        sink->initialized = true;
    }
    if (!sink_learn_topics(sink, wait_ms))
        return SINK_LATER;
    log_fault_end(&sink->fault);
    sink->prepared = true;
    return SINK_DONE;
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
            return code;
        }
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            sink_refuse(sink, &sink->batch->items[index], outgoing->kind);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_headers_destroy(outgoing->headers);
            return code;
        }
        rd_kafka_poll(sink->producer, 10);
    }
}

/* Where a reply goes: the topic that the command names, if it may; its partition by key, else by source partition. */
static void sink_address_reply(struct sink *sink, const struct item *item, struct outgoing *outgoing)
{
    int32_t wanted;
    const char *name = reply_topic(item, sink->config, &wanted);
    int32_t partitions = sink->partitions[0];
    outgoing->topic = sink->replies;
    for (size_t i = 0; name != sink->config->replies.topic && i < sink->config->replies.allowed.count; i++)
        if (name == sink->config->replies.allowed.items[i]) {
            outgoing->topic = sink->allowed[i];
            partitions = sink->partitions[i + 1];
        }
    outgoing->key = item->key.at ? item->key : item->workspace;
    if (wanted >= 0 && wanted < partitions)
        outgoing->partition = wanted;
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
    sink_address_reply(sink, item, &outgoing);
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

static rd_kafka_resp_err_t sink_send_item(struct sink *sink, uint32_t index, struct arena *scratch)
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

enum sink_result sink_send(struct sink *sink)
{
    assert(sink->step == STEP_IDLE);
    if (sink->transactional) {
        enum sink_result result = sink_judge(sink, "begin", rd_kafka_begin_transaction(sink->producer));
        if (result != SINK_DONE)
            return SINK_BROKEN;
    }
    sink->step = STEP_SENT;
    sink->failed = 0;
    sink->oversized = sink->has_refused = false;
    sink->commit_tried = false;
    struct arena *arena = &sink->batch->arena;
    for (uint32_t i = 0; i < sink->batch->count; i++) {
        size_t mark = arena->used;
        if (i == sink->batch->count / 2)
            crash_point(CRASH_IN_SEND);
        rd_kafka_resp_err_t code = sink_send_item(sink, i, arena);
        arena_reset(arena, mark);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        log_fault_begin(&sink->fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(code))));
        sink->failed++;
        break;
    }
    rd_kafka_poll(sink->producer, 0);
    return SINK_DONE;
}

/* At-least-once: everything must have arrived before the offsets may move. */
static enum sink_result sink_flush(struct sink *sink, int wait_ms)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(sink->producer, wait_ms);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        log_fault_begin(&sink->fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(code))));
        return SINK_LATER;
    }
    sink->step = STEP_IDLE;
    char why[256];
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || rd_kafka_fatal_error(sink->producer, why, sizeof(why)))
        return SINK_BROKEN;
    return sink->failed > 0 ? SINK_ABORTED : SINK_DONE;
}

enum sink_result sink_abort(struct sink *sink, int wait_ms)
{
    assert(sink->step != STEP_IDLE);
    sink->step = STEP_ABORTING;
    if (!sink->transactional) {
        /* What was sent is there for everybody to see, and comes again under the same ce_id. */
        enum sink_result flushed = sink_flush(sink, wait_ms);
        return flushed == SINK_DONE ? SINK_ABORTED : flushed;
    }
    enum sink_result result = sink_judge(sink, "abort", rd_kafka_abort_transaction(sink->producer, wait_ms));
    if (result == SINK_LATER)
        return SINK_LATER;
    sink->step = STEP_IDLE;
    return result == SINK_DONE && sink->undelivered == 0 ? SINK_ABORTED : SINK_BROKEN;
}

enum sink_result sink_offer(struct sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                            const rd_kafka_consumer_group_metadata_t *group, int wait_ms)
{
    assert(sink->step != STEP_IDLE);
    if (!sink->transactional || sink->step == STEP_OFFSETS_SENT)
        return SINK_DONE;
    if (sink->step == STEP_ABORTING || sink->failed > 0)
        return sink_abort(sink, wait_ms);
    enum sink_result result =
        sink_judge(sink, "send offsets", rd_kafka_send_offsets_to_transaction(sink->producer, offsets, group, wait_ms));
    if (result == SINK_DONE)
        sink->step = STEP_OFFSETS_SENT;
    return result == SINK_ABORTED ? sink_abort(sink, wait_ms) : result;
}

static enum sink_result sink_end_transaction(struct sink *sink, int wait_ms)
{
    if (sink->step == STEP_ABORTING)
        return sink_abort(sink, wait_ms);
    sink->commit_tried = true;
    enum sink_result result = sink_judge(sink, "commit", rd_kafka_commit_transaction(sink->producer, wait_ms));
    if (result == SINK_LATER)
        sink->suspect = true;
    if (result == SINK_ABORTED)
        return sink_abort(sink, wait_ms);
    if (result == SINK_DONE)
        sink->step = STEP_IDLE;
    return result;
}

enum sink_result sink_commit(struct sink *sink, int wait_ms)
{
    assert(sink->step != STEP_IDLE);
    enum sink_result result = sink->transactional ? sink_end_transaction(sink, wait_ms) : sink_flush(sink, wait_ms);
    if (result == SINK_DONE) {
        assert(sink->undelivered == 0 && sink->failed == 0);
        log_fault_end(&sink->fault);
    }
    return result;
}

bool sink_is_oversized(const struct sink *sink)
{
    return sink->oversized;
}

bool sink_has_refused(const struct sink *sink)
{
    return sink->has_refused;
}

const struct offsets *sink_record_ends(const struct sink *sink)
{
    return &sink->record_ends;
}

bool sink_commit_was_tried(const struct sink *sink)
{
    return sink->commit_tried;
}

bool sink_is_suspect(const struct sink *sink)
{
    return sink->suspect;
}
