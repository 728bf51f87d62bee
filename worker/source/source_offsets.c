#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/metrics/thread_board.h"
#include "worker/source/source_internal.h"
#include "worker/source/source_message.h"

#define LOOK_EVERY_MS 1000 /* source_look_around */
#define LOOK_WAIT_MS  200
#define IDLE_EVERY_MS 1000 /* source_idle_offsets */

rd_kafka_topic_partition_list_t *source_offsets(struct source *source)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    const struct batch *batch = source->batch;
    rd_kafka_topic_partition_t *place = NULL;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        if (!place || place->partition != item->from.partition)
            place = rd_kafka_topic_partition_list_find(offsets, source->topic, item->from.partition);
        if (!place)
            place = rd_kafka_topic_partition_list_add(offsets, source->topic, item->from.partition);
        place->offset = item->from.offset + 1;
    }
    for (int i = 0; i < offsets->cnt; i++) {
        struct log_mark mark = source_log(source, offsets->elems[i].partition)->mark;
        mark.answered = offsets->elems[i].offset;
        mark.nonce = source->nonce;
        source_mark_offset(&offsets->elems[i], &mark);
    }
    return offsets;
}

void source_note_committed(struct source *source, const rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &offsets->elems[i];
        struct log_state *log = source_log(source, place->partition);
        struct log_mark mark;
        partitions_note_committed(source->partitions, place->partition, place->offset);
        log->group_offset = place->offset;
        log->is_restarted = false;
        if (source_read_mark(place, &mark)) {
            log->mark.answered = mark.answered;
            log->mark.nonce = mark.nonce;
        }
    }
}

/* True if the group has the offsets that the batch would commit, with the batch's nonce. The nonce tells them from
 * offsets that another member or a tool has committed. The batch's messages were committed with them. */
static bool batch_is_committed(struct source *source, const rd_kafka_topic_partition_list_t *committed)
{
    rd_kafka_topic_partition_list_t *offsets = source_offsets(source);
    bool is_committed = offsets->cnt > 0;
    for (int i = 0; i < offsets->cnt && is_committed; i++) {
        const rd_kafka_topic_partition_t *ours = &offsets->elems[i];
        const rd_kafka_topic_partition_t *theirs =
            rd_kafka_topic_partition_list_find(committed, source->topic, ours->partition);
        struct log_mark mark;
        is_committed =
            theirs && theirs->offset == ours->offset && source_read_mark(theirs, &mark) && mark.nonce == source->nonce;
    }
    if (is_committed)
        source_note_committed(source, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
    return is_committed;
}

/* Items below an offset that another member committed have a reply. Two kinds of offsets do not count: one of a log
 * that was replaced, and one beyond all that we took, which a tool has set. */
static void source_drop_committed(struct source *source, const rd_kafka_topic_partition_list_t *committed)
{
    for (uint32_t i = 0; i < source->batch->count; i++) {
        struct item *item = &source->batch->items[i];
        const rd_kafka_topic_partition_t *place =
            rd_kafka_topic_partition_list_find(committed, source->topic, item->from.partition);
        if (place && item->from.offset < place->offset &&
            place->offset <= partitions_next(source->partitions, item->from.partition) &&
            !source_log(source, item->from.partition)->is_restarted)
            item->custody = CUSTODY_ANSWERED;
    }
}

/* Resets the partitions whose committed offset is lower than the one that we committed. */
static void source_follow_back(struct source *source, rd_kafka_topic_partition_list_t *committed)
{
    for (int i = committed->cnt - 1; i >= 0; i--) {
        const rd_kafka_topic_partition_t *place = &committed->elems[i];
        int64_t noted = partitions_committed(source->partitions, place->partition);
        if (place->offset >= 0 && place->offset < noted)
            log_warning("committed offset went back; commands are answered again",
                        LOG_INTEGER("partition", place->partition), LOG_INTEGER("from", noted),
                        LOG_INTEGER("to", place->offset));
        else
            rd_kafka_topic_partition_list_del_by_idx(committed, i);
    }
    if (committed->cnt > 0)
        source_reassign(source, committed);
}

enum reconcile_result source_reconcile(struct source *source, bool in_doubt, int wait_ms)
{
    enum reconcile_result result = RECONCILE_OPEN;
    rd_kafka_topic_partition_list_t *committed = source_assignment(source);
    if (!committed)
        return RECONCILE_FAILED;
    rd_kafka_t *observer = source_observer(source);
    rd_kafka_resp_err_t code = observer ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__FAIL;
    if (observer && committed->cnt > 0)
        code = source_ask_committed(source, observer, committed, wait_ms);
    for (int i = 0; i < committed->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = committed->elems[i].err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_fault_begin(&source->fault, LOG_LIST(LOG_TEXT("step", "reading committed offsets"),
                                                 LOG_TEXT("error", rd_kafka_err2str(code))));
        result = RECONCILE_FAILED;
    } else if (in_doubt && batch_is_committed(source, committed)) {
        result = RECONCILE_COMMITTED;
    } else {
        source_drop_committed(source, committed);
        source_follow_back(source, committed);
    }
    rd_kafka_topic_partition_list_destroy(committed);
    return result;
}

rd_kafka_t *source_observer_new(const struct source *source, char *error, size_t error_size)
{
    return kafka_observer_new(source->config, NULL, error, error_size);
}

rd_kafka_t *source_observer(struct source *source)
{
    char error[512];
    if (!source->observer && !(source->observer = source_observer_new(source, error, sizeof(error))))
        log_fault_begin(&source->progress_fault, LOG_LIST(LOG_TEXT("error", error)));
    return source->observer;
}

/* All questions together may take longer than a member may be silent where Kafka is slow. */
static void poll_between(void *opaque)
{
    struct source *source = opaque;
    if (!source->broken)
        source_serve_paused(source, 0);
}

bool source_ask_progress(struct source *source, int wait_ms, struct kafka_progress *progress)
{
    char error[512] = "no observer client";
    rd_kafka_t *observer = source_observer(source);
    wait_ms = kafka_patience_insist_ms(&source->patience, wait_ms);
    bool ok = observer && kafka_progress_ask(progress, observer, source->config, wait_ms, poll_between, source, error,
                                             sizeof(error));
    if (ok) {
        log_fault_end(&source->progress_fault);
    } else {
        log_fault_begin(&source->progress_fault, LOG_LIST(LOG_TEXT("error", error)));
        kafka_patience_unanswered(&source->patience, wait_ms);
    }
    return ok;
}

bool source_commit_offsets(struct source *source, rd_kafka_topic_partition_list_t *offsets)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (offsets->cnt > 0)
        code = rd_kafka_commit(source->consumer, offsets, 0);
    for (int i = 0; i < offsets->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = offsets->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        source_note_committed(source, offsets);
    else
        source_log_error("committing offsets failed; commands will come again", code);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool source_commit(struct source *source)
{
    rd_kafka_topic_partition_list_t *offsets = source_offsets(source);
    bool committed = source_commit_offsets(source, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
    return committed;
}

rd_kafka_topic_partition_list_t *source_idle_offsets(struct source *source)
{
    int64_t now = clock_now_ms();
    if (source->paused || source->cut_off || source->batch->count > 0 || now - source->idle_ms < IDLE_EVERY_MS)
        return NULL;
    source->idle_ms = now;
    rd_kafka_topic_partition_list_t *offsets = source_assignment(source);
    for (int i = offsets ? offsets->cnt - 1 : -1; i >= 0; i--) {
        rd_kafka_topic_partition_t *place = &offsets->elems[i];
        const struct log_state *log = source_log(source, place->partition);
        place->offset = log->end;
        bool has_mark = log->mark.offset >= 0 || log->end <= 0;
        if (log->group == GROUP_ASKED && log->end > log->group_offset && has_mark &&
            log->end >= partitions_next(source->partitions, place->partition) && !log->is_misnumbered &&
            !partitions_is_waiting(source->partitions, place->partition) &&
            !held_messages_find(&source->held, place->partition))
            source_mark_offset(place, &log->mark);
        else
            rd_kafka_topic_partition_list_del_by_idx(offsets, i);
    }
    if (!offsets || offsets->cnt > 0)
        return offsets;
    rd_kafka_topic_partition_list_destroy(offsets);
    return NULL;
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The position of the partition's first command without a reply. If there is none here, the offset after the last
 * answered command. */
static struct lag_position source_position(const struct source *source, const struct log_state *log, int32_t partition)
{
    const struct batch *batch = source->batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item->from.partition == partition && (item_is_ours(item) || item->custody == CUSTODY_POSTPONED))
            return (struct lag_position){partition, item->from.offset, item->from.offset + 1, item->from.timestamp_ms};
    }
    const rd_kafka_message_t *held = held_messages_find(&source->held, partition);
    if (held)
        return (struct lag_position){partition, held->offset, held->offset + 1, source_message_timestamp(held)};
    int64_t next = later(partitions_next(source->partitions, partition), log->end);
    if (next < 0 && log->group == GROUP_ASKED)
        next = later(log->group_offset, log->start);
    if (next >= 0 && log->seen_offset >= next)
        return (struct lag_position){partition, next, log->seen_offset + 1, log->seen_timestamp_ms};
    return (struct lag_position){partition, next, next, -1};
}

int64_t source_open_offset(const struct source *source, int32_t partition)
{
    return partition < source->log_count ? source_position(source, &source->logs[partition], partition).offset : -1;
}

int64_t source_fetched_end(const struct source *source, rd_kafka_t *client, int32_t partition)
{
    int64_t low, high;
    if (!client ||
        rd_kafka_get_watermark_offsets(client, source->topic, partition, &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high >= 0 ? high : -1;
}

/* The positions of the assigned partitions. NULL after the reason was logged. */
static const struct lag_position *source_positions(struct source *source, size_t *count)
{
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return NULL;
    if (partitions->cnt >= source->position_capacity) {
        source->position_capacity = partitions->cnt + 16;
        struct lag_position *grown =
            realloc(source->positions, (size_t)source->position_capacity * sizeof(*source->positions));
        if (!grown)
            abort();
        source->positions = grown;
    }
    for (int i = 0; i < partitions->cnt; i++) {
        int32_t partition = partitions->elems[i].partition;
        source->positions[i] = source_position(source, source_log(source, partition), partition);
    }
    *count = (size_t)partitions->cnt;
    rd_kafka_topic_partition_list_destroy(partitions);
    return source->positions;
}

static void source_show_lags(struct source *source, int64_t now_ms)
{
    size_t count;
    bool paused = source->paused || partitions_waiting(source->partitions) > 0;
    if (paused && !source->cut_off)
        source_ask_group(source);
    const struct lag_position *positions = source_positions(source, &count);
    if (positions && paused && !source->cut_off) {
        source_peek(source, positions, count, LOOK_WAIT_MS);
        positions = source_positions(source, &count);
    }
    if (!positions)
        return;
    for (size_t i = 0; i < count; i++) {
        struct lag_position *position = &source->positions[i];
        /* Transaction markers after the last command do not count. */
        int64_t end = source_log(source, position->partition)->end;
        int64_t high = later(source_fetched_end(source, source->consumer, position->partition),
                             paused ? source_fetched_end(source, source->reader, position->partition) : -1);
        bool is_unanswered = position->end > position->offset;
        if (is_unanswered || high > end)
            position->end = later(position->end, high);
    }
    lag_show(source->lag, positions, count, clock_wall_ms(), now_ms);
}

/* True if a broker answers. */
static bool source_reaches_broker(struct source *source)
{
    const struct rd_kafka_metadata *metadata;
    const int wait_ms = kafka_patience_insist_ms(&source->patience, LOOK_WAIT_MS);
    const int64_t asked_ms = clock_now_ms();
    if (rd_kafka_metadata(source->consumer, 0, NULL, &metadata, wait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        kafka_patience_unanswered(&source->patience, wait_ms);
        return false;
    }
    rd_kafka_metadata_destroy(metadata);
    kafka_patience_answered(&source->patience, asked_ms, clock_now_ms());
    return true;
}

void source_look_around(struct source *source)
{
    int64_t now = clock_now_ms();
    if (now - source->looked_ms < LOOK_EVERY_MS)
        return;
    source->looked_ms = now;
    if (source->cut_off) {
        source->cut_off = !source_reaches_broker(source);
        if (!source->cut_off)
            complaint_end(&metrics_board(source->metrics)->kafka);
    }
    source_show_lags(source, now);
}

bool source_is_cut_off(const struct source *source)
{
    return source->cut_off;
}
