/* The worker's feed in an applied replay: it gives the worker the commands of the ranges that have no record. The
 * position in the history is the offset behind the last command that was taken or passed over. */
#include <stdlib.h>

#include "common/clock.h"
#include "worker/index/index_audit.h"
#include "worker/replay/replay_apply_internal.h"

#define POSITION_WAIT_MS 2000
#define COMMIT_EVERY_MS  1000   /* the position, while all commands are passed over */
#define PATIENCE_MS      120000 /* without progress */

/* ---- opening and closing ---- */

static void *feed_open(void *context, const struct feed_worker *worker)
{
    struct apply *apply = context;
    apply->worker = *worker;
    index_set_replay(worker->index, &apply->marks);
    if (!apply->has_begun && !position_read(apply, POSITION_WAIT_MS))
        return NULL;
    if (!apply->has_begun)
        apply_begin(apply);
    return apply;
}

static void feed_close(void *source)
{
    messages_drop(source);
}

/* ---- waiting ---- */

static int feed_pause(void *source, int wait_ms)
{
    struct apply *apply = source;
    /* A long call asks whether it may go on, so it goes on. */
    if (wait_ms == 0)
        apply_note_progress(apply);
    else
        clock_sleep(wait_ms);
    return 0;
}

static void feed_do_nothing(void *source)
{
    (void)source;
}

static uint64_t feed_assignments(const void *source)
{
    (void)source;
    return 1;
}

static uint64_t feed_losses(const void *source)
{
    (void)source;
    return 0;
}

static int32_t *feed_partitions(void *source, int32_t *count)
{
    struct apply *apply = source;
    int32_t *partitions = calloc(apply->range_count + 1, sizeof(*partitions));
    for (uint32_t i = 0; i < apply->range_count && partitions; i++)
        partitions[i] = apply->ranges[i].partition;
    *count = (int32_t)apply->range_count;
    return partitions;
}

static bool feed_ask_progress(void *source, int wait_ms, struct kafka_progress *progress)
{
    struct apply *apply = source;
    char error[512];
    const bool ok =
        kafka_progress_ask(progress, apply->observer, &apply->config, wait_ms, NULL, NULL, error, sizeof(error));
    if (ok)
        log_fault_end(&apply->fault);
    else
        log_fault_begin(&apply->fault, LOG_LIST(LOG_TEXT("step", "asking the group"), LOG_TEXT("error", error)));
    return ok;
}

static bool feed_is_sure(const void *source)
{
    (void)source;
    return true;
}

static bool feed_is_cut_off(const void *source)
{
    (void)source;
    return false;
}

static uint32_t feed_waiting(const void *source)
{
    (void)source;
    return 0;
}

/* ---- the stages ---- */

/* A voided batch is evaluated again, and another command of an id may create its client. */
static void feed_begin(void *source)
{
    struct apply *apply = source;
    for (uint32_t i = 0; i < apply->worker.batch->count; i++) {
        struct item *item = &apply->worker.batch->items[i];
        if (item->custody == CUSTODY_ANSWERED)
            item->custody = CUSTODY_OURS;
        apply->passing[i] = PASSING_NOT;
    }
    apply_definitions_release(apply);
    if (apply->evaluations++ == 0)
        return;
    /* Records may have come since the batch was filled. After a failure the view is read when a claim needs it. */
    const bool is_read = fill_update_view(apply);
    (void)is_read;
}

static bool feed_look_up(void *source)
{
    return apply_definitions_find(source);
}

/* What meets a client of its own id has a record: it came meanwhile, or an earlier command of the batch brings it. */
static void feed_claimed(void *source)
{
    struct apply *apply = source;
    for (uint32_t i = 0; i < apply->worker.batch->count; i++) {
        struct item *item = &apply->worker.batch->items[i];
        if (!item_is_ours(item))
            continue;
        if (item->outcome == OUTCOME_DUPLICATE ||
            (item->outcome == OUTCOME_REJECTED && item->error == ERROR_COMMAND_ID_CONFLICT)) {
            item->custody = CUSTODY_ANSWERED;
            apply->passing[i] = PASSING_RECORDED;
        }
    }
}

/* The offset behind what this batch answers. */
int64_t feed_batch_end(const struct apply *apply)
{
    const struct batch *batch = apply->worker.batch;
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].custody == CUSTODY_POSTPONED)
            return batch->items[i].from.offset;
    if (apply->pending_count > 0)
        return apply->pending[0]->offset;
    return apply->ranges[apply->range].scanned;
}

static rd_kafka_topic_partition_list_t *feed_offsets(void *source)
{
    struct apply *apply = source;
    return position_list(apply, apply_present(apply), feed_batch_end(apply), apply->nonce);
}

static int64_t feed_nonce(const void *source)
{
    const struct apply *apply = source;
    return apply->nonce;
}

static void feed_note_committed(void *source, const rd_kafka_topic_partition_list_t *offsets)
{
    struct apply *apply = source;
    position_note(apply, offsets);
    apply->committed_ms = clock_now_ms();
    apply_note_progress(apply);
}

static void count_passed(struct apply *apply)
{
    apply->counts.passed_over += apply->passed_recorded;
    apply->counts.of_others += apply->passed_others;
    apply->passed_recorded = apply->passed_others = 0;
}

static rd_kafka_topic_partition_list_t *feed_idle_offsets(void *source)
{
    struct apply *apply = source;
    rd_kafka_topic_partition_list_t *first = position_first(apply);
    if (first || apply->is_done)
        return first;
    const struct apply_range *range = apply_present(apply);
    const int64_t end = feed_batch_end(apply);
    const bool is_due = end >= range->to || clock_now_ms() - apply->committed_ms >= COMMIT_EVERY_MS;
    count_passed(apply);
    return end > range->position && is_due ? position_list(apply, range, end, range->nonce) : NULL;
}

static enum reconcile_result feed_reconcile(void *source, bool in_doubt, int wait_ms)
{
    struct apply *apply = source;
    if (!in_doubt)
        return RECONCILE_OPEN;
    return position_compare(apply, apply_present(apply), feed_batch_end(apply), apply->nonce, wait_ms);
}

static const rd_kafka_consumer_group_metadata_t *feed_group(const void *source)
{
    const struct apply *apply = source;
    return apply->group;
}

static void feed_committed(void *source, const struct offsets *ends)
{
    struct apply *apply = source;
    offsets_raise_all(&apply->record_ends, ends);
    count_passed(apply);
    for (uint32_t i = 0; i < apply->worker.batch->count; i++) {
        const struct item *item = &apply->worker.batch->items[i];
        apply->counts.created += item_is_ours(item) && item->outcome == OUTCOME_CREATED;
        const bool is_rejected = item_is_ours(item) && item->outcome == OUTCOME_REJECTED;
        apply->counts.rejected += is_rejected;
        apply->counts.codes[item->error] += is_rejected;
        apply->counts.passed_over += apply->passing[i] == PASSING_RECORDED;
        apply->counts.unknown += apply->passing[i] == PASSING_UNKNOWN;
    }
}

/* ---- while it runs ---- */

static bool feed_may_begin(void *context)
{
    return apply_keep_going(context) && apply_holds_lock(context);
}

static void feed_beat(void *context)
{
    struct apply *apply = context;
    if (replay_lock_state(apply->lock) != REPLAY_LOCK_OURS)
        apply_holds_lock(apply);
    if (apply->worker.index && index_foreign(apply->worker.index))
        apply_end(apply, REPLAY_MISCONFIGURED, index_foreign(apply->worker.index));
    if (clock_now_ms() - apply->moved_ms >= PATIENCE_MS)
        apply_end(apply, REPLAY_UNAVAILABLE, "Kafka or Redis has not been there for two minutes; see the log");
}

const struct worker_feed replay_feed = {
    .open = feed_open,
    .close = feed_close,
    .fill = fill_batch,
    .pause = feed_pause,
    .resume = feed_do_nothing,
    .poll = feed_do_nothing,
    .assignments = feed_assignments,
    .losses = feed_losses,
    .find_losses = feed_do_nothing,
    .partitions = feed_partitions,
    .ask_progress = feed_ask_progress,
    .is_sure = feed_is_sure,
    .is_cut_off = feed_is_cut_off,
    .offsets = feed_offsets,
    .nonce = feed_nonce,
    .note_committed = feed_note_committed,
    .idle_offsets = feed_idle_offsets,
    .reconcile = feed_reconcile,
    .group = feed_group,
    .put_off = messages_put_off,
    .waiting = feed_waiting,
    .release = messages_release,
    .may_begin = feed_may_begin,
    .beat = feed_beat,
    .begin = feed_begin,
    .look_up = feed_look_up,
    .claimed = feed_claimed,
    .committed = feed_committed,
};
