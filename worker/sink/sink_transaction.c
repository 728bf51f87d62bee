/* The transaction in which a batch is sent. */
#include <assert.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/kafka/kafka_log.h"
#include "worker/sink/sink_internal.h"

#define QUEUE_WAIT_MS  10     /* between looks for room in librdkafka's queue */
#define STUCK_FIRST_MS 60000  /* after this time a transaction that does not end is logged */
#define STUCK_AGAIN_MS 600000 /* and again */

/* An earlier transaction of this transactional id has not ended. Mostly it ends within milliseconds, or when brokers
 * that are away come back. It does not end at all if one of its topics refuses its marker. */
static void tell_stuck(struct sink *sink)
{
    char id[256] = "";
    size_t size = sizeof(id);
    const int64_t now_ms = clock_now_ms();
    if (sink->stuck_ms == 0) {
        sink->stuck_ms = now_ms;
        sink->tell_stuck_ms = now_ms + STUCK_FIRST_MS;
    }
    if (now_ms < sink->tell_stuck_ms)
        return;
    sink->tell_stuck_ms = now_ms + STUCK_AGAIN_MS;
    if (rd_kafka_conf_get(rd_kafka_conf(sink->producer), "transactional.id", id, &size) != RD_KAFKA_CONF_OK)
        id[0] = '\0';
    log_error(
        "a transaction does not end, and the thread waits for it", LOG_TEXT("transactional_id", id),
        LOG_INTEGER("seconds", (now_ms - sink->stuck_ms) / 1000),
        LOG_TEXT("do", "if a topic refuses its marker, mend the topic; then restart the broker that coordinates it"));
}

enum sink_result sink_classify(struct sink *sink, const char *event, rd_kafka_error_t *error)
{
    if (!error) {
        sink->stuck_ms = 0;
        return SINK_DONE;
    }
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS)
        tell_stuck(sink);
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
        log_fault_begin(sink->fault, values);
    else if (kafka_log_is_news(event, rd_kafka_error_string(error), &left_out))
        log_event(LOG_LEVEL_WARNING, "transaction step failed", values);
    rd_kafka_error_destroy(error);
    return result;
}

static enum sink_result sink_begin(struct sink *sink)
{
    sink_route_batch(sink);
    rd_kafka_poll(sink->producer, 0); /* earlier errors do not concern this batch */
    if (sink->transactional) {
        enum sink_result result = sink_classify(sink, "begin", rd_kafka_begin_transaction(sink->producer));
        if (result != SINK_DONE)
            return SINK_BROKEN;
        offsets_free(&sink->record_ends); /* those of the transaction before */
    }
    sink->step = STEP_SENDING;
    sink->next = 0;
    sink->failed = 0;
    sink->oversized = sink->has_refused = sink->has_refused_client = sink->connection_lost = false;
    sink->commit_tried = false;
    atomic_store(&sink->denial, DENIAL_NONE);
    return SINK_DONE;
}

/* Hands over sink->next. */
static rd_kafka_resp_err_t sink_send_next(struct sink *sink)
{
    struct arena *arena = &sink->batch->arena;
    uint32_t count = sink->batch->count;
    uint32_t index = sink->transactional ? sink->next / 2 : sink->next % count;
    bool is_reply = sink->transactional ? sink->next % 2 == 1 : sink->next >= count;
    if (is_reply)
        sink_fit_reply(sink, index);
    size_t mark = arena->used;
    rd_kafka_resp_err_t code = is_reply ? sink_send_reply(sink, index) : sink_send_companion(sink, index, arena);
    arena_reset(arena, mark);
    return code;
}

/* At-least-once: RD_KAFKA_RESP_ERR__QUEUE_FULL while the next message must wait. The first reply waits until all
 * records have arrived, since no reply may report a client before its record is there. Messages that are sent one by
 * one wait while SINGLE_COMMANDS commands are under way. */
static rd_kafka_resp_err_t sink_check_turn(struct sink *sink)
{
    if (sink->transactional)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    bool is_first_reply = sink->next == sink->batch->count;
    if (is_first_reply && sink->undelivered > 0)
        rd_kafka_flush(sink->producer, QUEUE_WAIT_MS);
    bool waits = is_first_reply ? sink->undelivered > 0 : sink->single && sink->undelivered >= 2 * SINGLE_COMMANDS;
    return waits ? RD_KAFKA_RESP_ERR__QUEUE_FULL : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* At-least-once: true if a record or a dead letter failed, so the replies wait for the next try. */
static bool sink_ends_early(const struct sink *sink)
{
    return !sink->transactional && sink->next == sink->batch->count && sink->failed > 0;
}

/* The result of sink_send after `wait_ms`. */
static enum sink_result sink_time_out(struct sink *sink)
{
    if (sink_routes_are_stuck(sink))
        return SINK_BROKEN;
    if (!sink->transactional)
        log_fault_begin(sink->fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(RD_KAFKA_RESP_ERR__TIMED_OUT))));
    return SINK_LATER;
}

enum sink_result sink_send(struct sink *sink, int wait_ms)
{
    assert(sink->step == STEP_IDLE || sink->step == STEP_SENDING);
    if (sink->step == STEP_IDLE && sink_begin(sink) != SINK_DONE)
        return SINK_BROKEN;
    for (int64_t until_ms = clock_now_ms() + wait_ms; sink->next < 2 * sink->batch->count;) {
        rd_kafka_resp_err_t code = sink_check_turn(sink);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && sink_ends_early(sink))
            break;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && sink->next == sink->batch->count / 2 * 2)
            failpoint(FAILPOINT_IN_SEND);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            code = sink_send_next(sink);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            sink->next++;
        } else if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            log_fault_begin(sink->fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(code))));
            sink->failed++;
            break;
        } else if (clock_now_ms() >= until_ms) {
            return sink_time_out(sink);
        } else {
            rd_kafka_poll(sink->producer, QUEUE_WAIT_MS);
        }
    }
    sink->step = STEP_SENT;
    rd_kafka_poll(sink->producer, 0);
    return SINK_DONE;
}

/* At-least-once: all messages must have arrived before the offsets are committed. */
static enum sink_result sink_flush(struct sink *sink, int wait_ms)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(sink->producer, wait_ms);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
        if (sink_routes_are_stuck(sink))
            return SINK_BROKEN;
        log_fault_begin(sink->fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(code))));
        return SINK_LATER;
    }
    sink->step = STEP_IDLE;
    char error[256];
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || rd_kafka_fatal_error(sink->producer, error, sizeof(error)))
        return SINK_BROKEN;
    return sink->failed > 0 ? SINK_ABORTED : SINK_DONE;
}

/* True if a connection was lost during the transaction, which is then left to the next producer: its first step aborts
 * it. An abort here could make librdkafka register the transaction at a broker that has just come back. That broker
 * does not know the transaction, and might take its end for the end of the one before (KAFKA-20734). */
static bool sink_lost_connection(struct sink *sink)
{
    rd_kafka_poll(sink->producer, 0);
    return sink->connection_lost;
}

enum sink_result sink_abort(struct sink *sink, int wait_ms)
{
    assert(sink->step != STEP_IDLE);
    sink->step = STEP_ABORTING;
    if (!sink->transactional) {
        /* Sent messages cannot be undone. */
        enum sink_result flushed = sink_flush(sink, wait_ms);
        return flushed == SINK_DONE ? SINK_ABORTED : flushed;
    }
    if (sink_lost_connection(sink))
        return SINK_BROKEN;
    enum sink_result result = sink_classify(sink, "abort", rd_kafka_abort_transaction(sink->producer, wait_ms));
    if (result == SINK_LATER)
        return SINK_LATER;
    sink->step = STEP_IDLE;
    return result == SINK_DONE && sink->undelivered == 0 ? SINK_ABORTED : SINK_BROKEN;
}

/* SINK_DONE once all messages have arrived and no connection was lost. */
static enum sink_result sink_await_delivery(struct sink *sink, int wait_ms)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(sink->producer, wait_ms);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return sink_routes_are_stuck(sink) ? SINK_BROKEN : SINK_LATER;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_fault_begin(sink->fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(code))));
    if (sink_lost_connection(sink))
        return SINK_BROKEN;
    return code != RD_KAFKA_RESP_ERR_NO_ERROR || sink->failed > 0 ? SINK_ABORTED : SINK_DONE;
}

enum sink_result sink_send_offsets(struct sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                                   const rd_kafka_consumer_group_metadata_t *group, int wait_ms)
{
    assert(sink->step != STEP_IDLE);
    if (!sink->transactional)
        return SINK_DONE;
    if (sink_lost_connection(sink))
        return SINK_BROKEN;
    if (sink->step == STEP_ABORTING || sink->failed > 0)
        return sink_abort(sink, wait_ms);
    enum sink_result result = SINK_DONE;
    if (sink->step == STEP_SENT)
        result = sink_classify(sink, "send offsets",
                               rd_kafka_send_offsets_to_transaction(sink->producer, offsets, group, wait_ms));
    if (result == SINK_DONE) {
        sink->step = STEP_OFFSETS_SENT;
        result = sink_await_delivery(sink, wait_ms);
    }
    return result == SINK_ABORTED ? sink_abort(sink, wait_ms) : result;
}

static enum sink_result sink_end_transaction(struct sink *sink, int wait_ms)
{
    if (sink->step == STEP_ABORTING)
        return sink_abort(sink, wait_ms);
    sink->commit_tried = true;
    enum sink_result result = sink_classify(sink, "commit", rd_kafka_commit_transaction(sink->producer, wait_ms));
    if (result == SINK_LATER)
        sink->commit_uncertain = true;
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
        log_fault_end(sink->fault);
    }
    return result;
}
