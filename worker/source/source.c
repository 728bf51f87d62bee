#include "worker/source/source.h"

#include <assert.h>

#include "common/clock.h"
#include "worker/source/source_burden.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_group.h"
#include "worker/source/source_held.h"
#include "worker/source/source_jumps.h"
#include "worker/source/source_lags.h"
#include "worker/source/source_log.h"
#include "worker/source/source_member.h"
#include "worker/source/source_message.h"
#include "worker/source/source_misnumbered.h"
#include "worker/source/source_ownership.h"
#include "worker/source/source_unparsed.h"
#include "worker/source/source_unreadable.h"

#define REASSIGN_EVERY_MS 500 /* between resets of partitions that librdkafka does not fetch */
#define DROP_MS           300 /* for messages that are dropped, in a fill that held messages have filled */
#define JUMP_WAIT_MS      5   /* for a message, while held messages wait for their offsets to be verified */

static void source_take(struct source *source, rd_kafka_message_t *message)
{
    source->messages[source->batch->count] = message;
    source_message_take(source->batch, source->topic, message);
}

rd_kafka_topic_partition_list_t *source_one_partition(const struct source *source, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    return list;
}

/* With check.crcs librdkafka reports a batch whose checksum is wrong and skips it. Its commands need replies, so the
 * partition is reset to its committed offset. */
static void source_read_again(struct source *source, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = source_one_partition(source, partition);
    source_reassign(source, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void source_error(struct source *source, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!partitions_is_cut(source->partitions, message->partition))
            source_log(source, message->partition)->end = message->offset;
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        char error[512];
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(source->consumer, error, sizeof(error));
        log_error("consumer failed; opening a new one", LOG_TEXT("code", rd_kafka_err2name(code)),
                  LOG_TEXT("error", error));
        source->broken = true;
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION) {
        source_meet_unreadable(source, message->partition, message->offset);
        return;
    }
    log_fault_begin(&source->fault,
                    LOG_LIST(LOG_TEXT("code", rd_kafka_err2name(message->err)), LOG_TEXT("topic", source->topic),
                             LOG_INTEGER("partition", message->partition), LOG_INTEGER("offset", message->offset),
                             LOG_TEXT("error", rd_kafka_message_errstr(message))));
    if (message->err == RD_KAFKA_RESP_ERR__BAD_MSG)
        source_read_again(source, message->partition);
    else
        source->stalled = true;
}

static bool source_has_room(const struct source *source)
{
    return source->batch->count < source->most && source->batch->bytes < source->batch_bytes;
}

void source_receive(struct source *source, rd_kafka_message_t *message, bool hold)
{
    struct log_state *log = source_log(source, message->partition);
    if (source_drop_waiting(source, message) || source_drop_misnumbered(source, message)) {
        rd_kafka_message_destroy(message);
        return;
    }
    if (!partitions_advance(source->partitions, message->partition, message->offset)) {
        if (source_is_repetition(source, message->partition))
            metrics_add(source->metrics, METRIC_REPETITIONS, 0, 1);
        rd_kafka_message_destroy(message);
        return;
    }
    log->is_repeating = false;
    if (hold || partitions_is_waiting(source->partitions, message->partition))
        held_messages_add(&source->held, message, false);
    else
        source_take(source, message);
}

/* True if a held command must stay held until its offset is verified. Its partition waits then, since a later command
 * would overtake it. While the group has not answered, the command is taken: comparing the logs asks the group. */
static bool source_holds_back(struct source *source, int32_t partition, int64_t offset)
{
    if (source_log(source, partition)->group == GROUP_UNASKED || !source_is_unsettled(source, partition, offset))
        return false;
    if (!partitions_is_waiting(source->partitions, partition)) {
        rd_kafka_topic_partition_list_t *list = source_one_partition(source, partition);
        source_pause_partitions(source, list);
        rd_kafka_topic_partition_list_destroy(list);
        partitions_put_off(source->partitions, partition);
    }
    return true;
}

static bool take_held(void *taker, const struct held_message *held)
{
    struct source *source = taker;
    if (!source_has_room(source) ||
        !partitions_may_try(source->partitions, held->message->partition, source->filling_ms) ||
        source_holds_back(source, held->message->partition, held->message->offset))
        return false;
    partitions_note_try(source->partitions, held->message->partition);
    source_take(source, held->message);
    source->batch->items[source->batch->count - 1].claimed = held->claimed;
    return true;
}

/* Serves the group, with all partitions paused. */
void source_serve_paused(struct source *source, int wait_ms)
{
    if (!source->paused) {
        rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
        if (partitions) {
            source_pause_partitions(source, partitions);
            rd_kafka_topic_partition_list_destroy(partitions);
        }
        source->paused = true;
    }
    rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, wait_ms);
    source_note_poll(source);
    if (message && message->err) {
        source_error(source, message);
        rd_kafka_message_destroy(message);
    } else if (message) {
        /* A paused partition may still deliver messages: they are held. */
        source_receive(source, message, true);
    }
}

static void source_poll_paused(struct source *source, int wait_ms)
{
    source_serve_paused(source, wait_ms);
    source_look_around(source);
}

/* True if the logs of all partitions in the batch are known. A commit before that would overwrite the mark by which a
 * replaced log is recognized. */
static bool source_knows_logs(struct source *source)
{
    for (uint32_t i = 0; i < source->batch->count; i++) {
        const struct item *item = &source->batch->items[i];
        if (item_is_ours(item) && !source_knows_log(source, item->from.partition))
            return false;
    }
    return true;
}

/* Commands that have a reply leave the batch. */
static void source_drop_answered(struct source *source)
{
    for (uint32_t i = 0; i < source->batch->count; i++) {
        struct item *item = &source->batch->items[i];
        if (item_is_ours(item) && source_is_answered(source, item->from.partition, item->from.offset)) {
            item->custody = CUSTODY_ANSWERED;
            metrics_add(source->metrics, METRIC_REPETITIONS, 0, 1);
        }
    }
}

/* Empties the batch and holds its commands for the next fill. */
static void source_put_back(struct source *source)
{
    for (uint32_t i = 0; i < source->batch->count; i++) {
        struct item *item = &source->batch->items[i];
        if (item_is_ours(item))
            item->custody = CUSTODY_POSTPONED;
    }
    source_release(source);
}

int64_t source_nonce(const struct source *source)
{
    return source->nonce;
}

void source_renew_nonce(struct source *source)
{
    source->nonce = log_mark_nonce();
}

int source_fill(struct source *source, uint32_t most, int wait_ms)
{
    assert(source->batch->count == 0);
    source->most = most < source->batch->capacity ? most : source->batch->capacity;
    source_note_coming(source);
    source_resume(source);
    source_refresh_group(source);
    source_watch_ownership(source);
    source->filling_ms = clock_now_ms();
    int first_wait_ms = source_awaits_jumps(source) && wait_ms > JUMP_WAIT_MS ? JUMP_WAIT_MS : wait_ms;
    int next_wait_ms = source->burden.each > HEAVY_BYTES && !source->paused ? HEAVY_WAIT_MS : 0;
    if (source->stalled && source->filling_ms - source->reassigned_ms >= REASSIGN_EVERY_MS) {
        source->stalled = false;
        source->reassigned_ms = source->filling_ms;
        source_reassign_failed(source);
    }
    source_follow_held_jumps(source);
    source_pass_misnumbered(source);
    source_pass_unparsed(source);
    source_end_empty_waits(source);
    partitions_begin_tries(source->partitions, source->most, source->filling_ms);
    held_messages_offer(&source->held, take_held, source);
    /* The group is served even if held messages fill the batch. */
    bool is_full = !source_has_room(source);
    while ((is_full || source_has_room(source)) && !source->broken) {
        bool is_first = source->batch->count == 0;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, is_first  ? first_wait_ms
                                                                               : is_full ? 0
                                                                                         : next_wait_ms);
        source_note_poll(source);
        source_refresh_group(source);
        if (!message) {
            source->drained++;
            break;
        }
        if (message->err) {
            bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            source_error(source, message);
            rd_kafka_message_destroy(message);
            if (is_end)
                continue;
            break;
        }
        const uint32_t held = source->held.count;
        source_receive(source, message, is_full);
        /* What is dropped must not hold up the commands behind it. */
        if (is_full && (source->held.count > held || clock_now_ms() - source->filling_ms > DROP_MS))
            break;
    }
    if (source->batch->count > 0)
        log_fault_end(&source->fault);
    if (!source_has_room(source) && !source->paused)
        source_wake_fetches(source);
    source_lighten(source);
    source_compare_logs(source);
    source_follow_jumps(source);
    if (!source_knows_logs(source)) {
        source_put_back(source);
        return source_pause(source, wait_ms);
    }
    source_drop_answered(source);
    batch_begin(source->batch);
    source_renew_nonce(source);
    source_look_around(source);
    return source->broken ? -1 : 0;
}

int source_pause(struct source *source, int wait_ms)
{
    source_poll_paused(source, wait_ms);
    source_follow_generation(source);
    return source->broken ? -1 : 0;
}

void source_poll(struct source *source)
{
    if (!source->broken)
        source_poll_paused(source, 0);
}
