#include "worker/daemon/worker_feed.h"

static void *feed_open(void *context, const struct feed_worker *worker)
{
    (void)context;
    return source_open(worker->config, worker->number, worker->batch, worker->metrics);
}

static void feed_close(void *source)
{
    source_close(source);
}

static int feed_fill(void *source, uint32_t most, int wait_ms)
{
    return source_fill(source, most, wait_ms);
}

static int feed_pause(void *source, int wait_ms)
{
    return source_pause(source, wait_ms);
}

static void feed_resume(void *source)
{
    source_resume(source);
}

static void feed_poll(void *source)
{
    source_poll(source);
}

static uint64_t feed_assignments(const void *source)
{
    return source_assignments(source);
}

static uint64_t feed_losses(const void *source)
{
    return source_losses(source);
}

static void feed_find_losses(void *source)
{
    source_find_losses(source);
}

static int32_t *feed_partitions(void *source, int32_t *count)
{
    return source_partitions(source, count);
}

static bool feed_ask_progress(void *source, int wait_ms, struct kafka_progress *progress)
{
    return source_ask_progress(source, wait_ms, progress);
}

static bool feed_is_sure(const void *source)
{
    return source_is_sure(source);
}

static bool feed_is_cut_off(const void *source)
{
    return source_is_cut_off(source);
}

static rd_kafka_topic_partition_list_t *feed_offsets(void *source)
{
    return source_offsets(source);
}

static int64_t feed_nonce(const void *source)
{
    return source_nonce(source);
}

static void feed_begin(void *source)
{
    source_renew_nonce(source);
}

static void feed_note_committed(void *source, const rd_kafka_topic_partition_list_t *offsets)
{
    source_note_committed(source, offsets);
}

static rd_kafka_topic_partition_list_t *feed_idle_offsets(void *source)
{
    return source_idle_offsets(source);
}

static enum reconcile_result feed_reconcile(void *source, bool in_doubt, int wait_ms)
{
    return source_reconcile(source, in_doubt, wait_ms);
}

static const rd_kafka_consumer_group_metadata_t *feed_group(const void *source)
{
    return source_group(source);
}

static uint32_t feed_put_off(void *source, uint32_t most)
{
    return source_put_off(source, most);
}

static uint32_t feed_waiting(const void *source)
{
    return source_waiting((struct source *)(uintptr_t)source);
}

static void feed_release(void *source)
{
    source_release(source);
}

static bool feed_commit(void *source)
{
    return source_commit(source);
}

static bool feed_commit_offsets(void *source, rd_kafka_topic_partition_list_t *offsets)
{
    return source_commit_offsets(source, offsets);
}

static void feed_hold(void *source, uint32_t index)
{
    source_hold(source, index);
}

static bool feed_postpone(void *source, uint32_t index, int64_t limit_ms)
{
    return source_postpone(source, index, limit_ms);
}

static void feed_forget_claims(void *source)
{
    source_forget_claims(source);
}

static void feed_settle_jumps(void *source)
{
    source_settle_jumps(source);
}

const struct worker_feed group_feed = {
    .open = feed_open,
    .close = feed_close,
    .fill = feed_fill,
    .pause = feed_pause,
    .resume = feed_resume,
    .poll = feed_poll,
    .assignments = feed_assignments,
    .losses = feed_losses,
    .find_losses = feed_find_losses,
    .partitions = feed_partitions,
    .ask_progress = feed_ask_progress,
    .is_sure = feed_is_sure,
    .is_cut_off = feed_is_cut_off,
    .offsets = feed_offsets,
    .nonce = feed_nonce,
    .begin = feed_begin,
    .note_committed = feed_note_committed,
    .idle_offsets = feed_idle_offsets,
    .reconcile = feed_reconcile,
    .group = feed_group,
    .put_off = feed_put_off,
    .waiting = feed_waiting,
    .release = feed_release,
    .commit = feed_commit,
    .commit_offsets = feed_commit_offsets,
    .postpone = feed_postpone,
    .forget_claims = feed_forget_claims,
    .hold = feed_hold,
    .settle_jumps = feed_settle_jumps,
};
