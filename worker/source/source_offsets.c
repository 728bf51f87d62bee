/* The offsets that the batches commit, and those that the group has. */
#include "worker/source/source_offsets.h"

#include "common/clock.h"
#include "worker/kafka/kafka_client.h"
#include "worker/source/source_committed.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_group.h"
#include "worker/source/source_log.h"

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
