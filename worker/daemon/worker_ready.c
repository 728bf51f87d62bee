/* Getting ready: Redis, then the producer, which fences an earlier one, then the group; and that Redis has everything.
 */
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/daemon/worker_internal.h"
#include "worker/index/index_audit.h"

/* A worker is between its commit and its checkpoint for a moment only; one that is still there after so long has died.
 */
#define CHECKPOINT_MS      500
#define CHECKPOINT_STEP_MS 25
#define PROGRESS_WAIT_MS   1500 /* the group's coordinator may have to be found first */

bool worker_has_redis(struct worker *worker)
{
    bool has = index_connect(worker->index);
    metrics_set(worker->metrics, METRIC_REDIS_UP, 0, has && !index_is_refused(worker->index));
    return has;
}

bool worker_open_sink(struct worker *worker)
{
    if (!worker->sink)
        worker->sink = sink_open(worker->config, worker->number, worker->shared->topics, &worker->batch, worker->single,
                                 &worker->size_limits, &worker->sending_fault);
    if (!worker->sink)
        return false;
    enum sink_result result = sink_prepare(worker->sink, COMMIT_WAIT_MS);
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
        worker->source = source_open(worker->config, worker->number, &worker->batch, worker->metrics);
        worker->assignments = 0;
        worker->losses = 0;
    }
    return worker->source != NULL;
}

/* ---- the audit ---- */

/* A source that failed is not closed here: the batch, in whose arena the rebuild works, would go with it. */
bool worker_keep_going(void *listener)
{
    struct worker *worker = listener;
    bool held = source_pause(worker->source, 0) == 0;
    worker_beat(worker);
    return held && !stop_is_requested();
}

/* False, for this time, if it was neither done by us nor by another: then an audit will tell. */
static bool worker_rebuild(struct worker *worker, const struct offsets *committed, const struct audit_gap *gap)
{
    char why[512];
    metrics_set(worker->metrics, METRIC_REBUILDING, 0, 1);
    enum rebuild_result result =
        index_rebuild(worker->index, committed, gap, &worker->batch.arena, worker_keep_going, worker, why, sizeof(why));
    metrics_set(worker->metrics, METRIC_REBUILDING, 0, 0);
    if (result == REBUILD_FAILED)
        log_fault_begin(&worker->rebuild_fault, LOG_LIST(LOG_TEXT("error", why)));
    if (result != REBUILD_DONE && result != REBUILD_BY_OTHER)
        return false;
    log_fault_end(&worker->rebuild_fault);
    metrics_add(worker->metrics, METRIC_REBUILDS, 0, result == REBUILD_DONE);
    return true;
}

/* Audits until it is clear that what is missing is not just a checkpoint under way. */
static enum audit_result worker_ask_redis(struct worker *worker, const struct kafka_progress *progress,
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

/* Surveys and audits; once more if checkpoints are ahead of the first progress. */
static enum audit_result worker_survey_and_ask(struct worker *worker, struct kafka_progress *progress,
                                               struct audit_gap *gap)
{
    enum audit_result result = AUDIT_AHEAD;
    for (int round = 0; round < 2 && result == AUDIT_AHEAD; round++) {
        progress->checkpoints = gap->ahead;
        gap->ahead = (struct offsets){0};
        result = source_ask_progress(worker->source, PROGRESS_WAIT_MS, progress)
                     ? worker_ask_redis(worker, progress, gap)
                     : AUDIT_FAILED;
    }
    return result;
}

/* Becomes the owner of what is assigned now. */
static bool worker_take(struct worker *worker)
{
    int32_t count;
    uint64_t assignments = source_assignments(worker->source);
    int32_t *partitions = source_partitions(worker->source, &count);
    failpoint(FAILPOINT_OWNED);
    bool taken = partitions && source_is_sure(worker->source) &&
                 index_take(worker->index, partitions, count, &worker->batch.arena);
    free(partitions);
    /* Frozen here, we may have written our name over that of the next owner. */
    if (taken && !source_is_sure(worker->source)) {
        index_mark_stale(worker->index);
        taken = false;
    }
    worker->assignments = assignments;
    return taken;
}

static bool worker_audit(struct worker *worker)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    bool ok = source_is_sure(worker->source);
    if (ok) {
        enum audit_result result = worker_survey_and_ask(worker, &progress, &gap);
        if (result == AUDIT_LOST || result == AUDIT_BEHIND)
            worker_rebuild(worker, &progress.committed, result == AUDIT_LOST ? NULL : &gap);
        ok = result == AUDIT_FINE && worker_take(worker);
        if (ok)
            metrics_set(worker->metrics, METRIC_INDEX_AUDITED, 0, 1); /* from now on, /readyz depends on the rest */
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
    if (source_assignments(worker->source) != worker->assignments)
        index_mark_stale(worker->index);
    uint64_t losses = source_losses(worker->source);
    if (losses != worker->losses && !index_distrust(worker->index))
        return false;
    worker->losses = losses;
    return index_is_verified(worker->index) || worker_audit(worker);
}

static bool worker_open_all(struct worker *worker)
{
    return worker_has_redis(worker) && definitions_preload_is_done(worker->shared->fill) && worker_open_sink(worker) &&
           reply_topics_are_known(worker->shared->topics) && worker_open_source(worker);
}

bool worker_get_ready(struct worker *worker)
{
    struct backoff backoff = {0};
    while (!stop_is_requested()) {
        worker->state = worker_open_all(worker) ? WORKER_AUDITING : WORKER_OPENING;
        if (worker->state == WORKER_AUDITING && worker_ensure_index(worker)) {
            worker->state = WORKER_READY;
            source_resume(worker->source);
            worker_beat(worker);
            return true;
        }
        worker_back_off(worker, &backoff);
    }
    return false;
}
