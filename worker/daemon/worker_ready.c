/* Gets a worker ready: connects to Redis, opens the producer, which shuts out an earlier one, joins the group, and
 * verifies the index in Redis. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/daemon/worker_internal.h"
#include "worker/index/index_audit.h"

/* A worker takes only a moment from its commit to its checkpoint. If it takes longer than this, it has died. */
#define CHECKPOINT_MS      500
#define CHECKPOINT_STEP_MS 25
#define PROGRESS_WAIT_MS   1500 /* includes time to find the group's coordinator */

bool worker_has_redis(struct worker *worker)
{
    bool has = index_connect(worker->index);
    bool can_be_used = has && !index_is_refused(worker->index) && !index_foreign(worker->index);
    metrics_set(worker->metrics, METRIC_REDIS_UP, 0, can_be_used);
    if (has && worker->number == 0) /* one line is enough */
        metrics_set(worker->metrics, METRIC_REDIS_MAY_EVICT, 0, index_may_evict(worker->index));
    return has;
}

bool worker_open_sink(struct worker *worker)
{
    if (!worker->sink && worker->feed->may_begin && !worker->feed->may_begin(worker->feed->context))
        return false;
    if (!worker->sink)
        worker->sink = sink_open(worker->config, worker->transactional, worker->shared->topics, &worker->batch,
                                 worker->single, &worker->size_limits, &worker->sending_fault);
    if (!worker->sink)
        return false;
    const int wait_ms = kafka_patience_insist_ms(&worker->patience, COMMIT_WAIT_MS);
    enum sink_result result = sink_prepare(worker->sink, wait_ms);
    if (result == SINK_LATER)
        kafka_patience_unanswered(&worker->patience, wait_ms);
    worker->kafka_is_slow = result != SINK_DONE;
    if (result == SINK_DONE)
        return true;
    if (result == SINK_BROKEN)
        worker_close_sink(worker);
    return false;
}

void worker_close_sink(struct worker *worker)
{
    sink_close(worker->sink);
    worker->sink = NULL;
}

static bool worker_open_source(struct worker *worker)
{
    if (!worker->source) {
        const struct feed_worker self = {worker->config, worker->number, &worker->batch, worker->metrics,
                                         worker->index};
        worker->source = worker->feed->open(worker->feed->context, &self);
        worker->assignments = 0;
        worker->losses = 0;
    }
    // cppcheck-suppress invalidLifetime // a feed copies what it needs of `self`
    return worker->source != NULL;
}

/* ---- the audit ---- */

/* Does not close a failed source: that would reset the batch's arena, which the rebuild uses. */
bool worker_keep_going(void *listener)
{
    struct worker *worker = listener;
    bool ok = worker->feed->pause(worker->source, 0) == 0;
    worker_beat(worker);
    return ok && !stop_is_requested();
}

/* True if we or another worker have rebuilt the index. After false the next audit decides. */
static bool worker_rebuild(struct worker *worker, const struct offsets *committed, const struct audit_gap *gap)
{
    char error[512];
    metrics_set(worker->metrics, METRIC_REBUILDING, 0, 1);
    enum rebuild_result result = index_rebuild(worker->index, committed, gap, &worker->batch.arena, worker_keep_going,
                                               worker, error, sizeof(error));
    metrics_set(worker->metrics, METRIC_REBUILDING, 0, 0);
    if (result == REBUILD_FAILED)
        log_fault_begin(&worker->rebuild_fault, LOG_LIST(LOG_TEXT("error", error)));
    if (result != REBUILD_DONE && result != REBUILD_BY_OTHER)
        return false;
    log_fault_end(&worker->rebuild_fault);
    metrics_add(worker->metrics, METRIC_REBUILDS, 0, result == REBUILD_DONE);
    return true;
}

/* Audits. If checkpoints are behind, repeats that for a moment, since they may be under way. */
static enum audit_result worker_audit_index(struct worker *worker, const struct kafka_progress *progress,
                                            struct audit_gap *gap)
{
    enum audit_result result = AUDIT_FAILED;
    for (int waited_ms = 0; waited_ms <= CHECKPOINT_MS; waited_ms += CHECKPOINT_STEP_MS) {
        result = index_audit(worker->index, progress, &worker->batch.arena, gap);
        if (result != AUDIT_BEHIND || !gap->records_behind || stop_is_requested())
            break;
        clock_sleep(CHECKPOINT_STEP_MS);
    }
    return result;
}

/* Reads Kafka's progress and audits the index against it. Does both once more if Redis is ahead of the first
 * progress. */
static enum audit_result worker_audit_progress(struct worker *worker, struct kafka_progress *progress,
                                               struct audit_gap *gap)
{
    enum audit_result result = AUDIT_AHEAD;
    for (int round = 0; round < 2 && result == AUDIT_AHEAD; round++) {
        if (round > 0)
            kafka_progress_repeat(progress, gap);
        result = worker->feed->ask_progress(worker->source, PROGRESS_WAIT_MS, progress)
                     ? worker_audit_index(worker, progress, gap)
                     : AUDIT_FAILED;
    }
    return result;
}

/* Writes our fencing token for the partitions that are assigned to us now. `prepared`: the assignments for which
 * worker_prepare has taken terms. The group may have assigned more since, while Kafka was asked: without a term nothing
 * of them would ever be decided, so the next audit comes at once. */
static bool worker_take(struct worker *worker, uint64_t prepared)
{
    int32_t count;
    uint64_t assignments = worker->feed->assignments(worker->source);
    if (index_is_in_parts(worker->index) && assignments != prepared)
        return false;
    int32_t *partitions = worker->feed->partitions(worker->source, &count);
    failpoint(FAILPOINT_OWNED);
    bool taken = partitions && worker->feed->is_sure(worker->source) &&
                 index_take(worker->index, partitions, count, &worker->batch.arena);
    free(partitions);
    /* After a stall here, we may have overwritten the fencing token of the next owner. */
    if (taken && !worker->feed->is_sure(worker->source)) {
        index_mark_stale(worker->index);
        taken = false;
    }
    worker->assignments = assignments;
    return taken;
}

/* Another process may have had the fence of a partition until now, and may have committed what we had claimed there: an
 * applied replay takes an own claim of the command for its own. From now on the checkpoints say what is committed. */
static void worker_forget_claims(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        worker->batch.items[i].claimed = false;
    if (worker->feed->forget_claims)
        worker->feed->forget_claims(worker->source);
}

/* Before Kafka is asked: a cluster wants the terms of our partitions first. */
static bool worker_prepare(struct worker *worker)
{
    int32_t count;
    if (!index_is_in_parts(worker->index))
        return true;
    int32_t *partitions = worker->feed->partitions(worker->source, &count);
    const bool ok = partitions && worker->feed->is_sure(worker->source) &&
                    index_prepare(worker->index, partitions, count, &worker->batch.arena);
    free(partitions);
    return ok;
}

static bool worker_audit(struct worker *worker)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    const uint64_t assignments = worker->feed->assignments(worker->source);
    bool ok = worker->feed->is_sure(worker->source) && worker_prepare(worker);
    if (ok) {
        enum audit_result result = worker_audit_progress(worker, &progress, &gap);
        /* Without an epoch no worker makes a claim. So the rebuild also covers the losses that are found now. */
        if (result == AUDIT_LOST && !index_is_in_parts(worker->index)) {
            worker->feed->find_losses(worker->source);
            worker->losses = worker->feed->losses(worker->source);
        }
        if (result == AUDIT_LOST || result == AUDIT_BEHIND)
            worker_rebuild(worker, &progress.committed, result == AUDIT_LOST ? NULL : &gap);
        ok = result == AUDIT_FINE && worker_take(worker, assignments);
        if (ok) {
            worker_forget_claims(worker);
            metrics_set(worker->metrics, METRIC_INDEX_AUDITED, 0, 1); /* /readyz no longer waits for an audit */
        }
    }
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    worker_beat(worker);
    return ok;
}

bool worker_ensure_index(struct worker *worker)
{
    if (!worker_has_redis(worker))
        return false;
    if (worker->feed->assignments(worker->source) != worker->assignments)
        index_mark_stale(worker->index);
    if (worker->feed->losses(worker->source) != worker->losses)
        index_distrust(worker->index);
    worker->losses = worker->feed->losses(worker->source);
    return index_is_verified(worker->index) || worker_audit(worker);
}

static bool worker_open_all(struct worker *worker)
{
    return worker_has_redis(worker) &&
           (!worker->shared->preload || definitions_preload_is_done(worker->shared->preload)) &&
           worker_open_sink(worker) && reply_topics_are_known(worker->shared->topics) && worker_open_source(worker);
}

bool worker_get_ready(struct worker *worker)
{
    struct backoff backoff = {0};
    while (!stop_is_requested()) {
        worker_enter(worker, worker_open_all(worker) ? WORKER_AUDITING : WORKER_OPENING);
        if (worker->state == WORKER_AUDITING && worker_ensure_index(worker)) {
            worker_enter(worker, WORKER_READY);
            worker->feed->resume(worker->source);
            worker_beat(worker);
            return true;
        }
        worker_back_off(worker, &backoff);
    }
    return false;
}
