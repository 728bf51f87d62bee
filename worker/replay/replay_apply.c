#include "worker/replay/replay_apply.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/daemon/worker.h"
#include "worker/replay/replay_apply_internal.h"

#define HELPER_MS 2000 /* how long the thread that asks for reply topics may take to end */

bool replay_name_is_legal(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t length = strlen(name);
    return length > 0 && length <= REPLAY_NAME_CHARACTERS && strspn(name, allowed) == length;
}

void apply_note_progress(struct apply *apply)
{
    apply->moved_ms = clock_now_ms();
}

void apply_end(struct apply *apply, enum replay_apply_result result, const char *reason)
{
    if (stop_is_requested())
        return;
    snprintf(apply->error, apply->error_size, "%s", reason);
    apply->result = result;
    stop_request();
}

static bool is_taken_over(struct apply *apply)
{
    apply_end(apply, REPLAY_IN_USE, "another process has taken over");
    return false;
}

bool apply_holds_lock(struct apply *apply)
{
    bool asked = true;
    enum replay_lock_state state = replay_lock_ask(apply->lock);
    if (state == REPLAY_LOCK_MISSING && apply->has_begun) {
        const bool is_ours = position_is_ours(apply, &asked);
        if (asked && !is_ours)
            return is_taken_over(apply);
    }
    if (state == REPLAY_LOCK_MISSING && asked) {
        state = replay_lock_retake(apply->lock);
        replay_lock_token(apply->lock, apply->marks.token);
        if (apply->worker.index)
            index_replay_void(apply->worker.index);
    }
    if (state == REPLAY_LOCK_LOST)
        return is_taken_over(apply);
    return state == REPLAY_LOCK_OURS;
}

bool apply_keep_going(void *listener)
{
    struct apply *apply = listener;
    int64_t total;
    const int64_t done = record_view_done(apply->view, &total);
    if (done != apply->view_done)
        apply_note_progress(apply);
    apply->view_done = done;
    replay_feed.beat(apply);
    return !stop_is_requested();
}

/* ---- the run ---- */

void apply_begin(struct apply *apply)
{
    apply->has_begun = true;
    for (uint32_t i = 0; i < apply->range_count; i++)
        offsets_set(&apply->marks.ends, apply->ranges[i].partition, apply->ranges[i].to);
    apply_print_ranges(apply);
    progress_begin(&apply->progress, "offsets", apply_offsets(apply), false);
}

static void run_worker(struct apply *apply, struct worker_shared *shared, struct metrics *metrics)
{
    struct worker_feed feed = replay_feed;
    feed.context = apply;
    feed.transactional = "replay"; /* of all names, so that Kafka shuts out an earlier run by any of them */
    if (apply_uses_redis(apply))
        feed.look_up = NULL;
    struct worker *worker = worker_open(shared, 0, metrics, &feed);
    if (!worker) {
        apply_end(apply, REPLAY_UNAVAILABLE, "out of memory");
        return;
    }
    apply_note_progress(apply);
    worker_run(worker);
    if (apply->has_begun)
        progress_close(&apply->progress);
    worker_close(worker);
}

static void run(struct apply *apply)
{
    struct worker_shared shared = {.config = &apply->config};
    struct metrics *metrics = metrics_new();
    apply->result = REPLAY_STOPPED;
    atomic_store(&shared.validation, &apply->config);
    shared.topics = metrics ? reply_topics_open(&apply->config) : NULL;
    if (shared.topics)
        run_worker(apply, &shared, metrics);
    else
        apply_end(apply, REPLAY_UNAVAILABLE, "out of memory");
    const struct timespec deadline = clock_time(clock_now_ms() + HELPER_MS);
    if (reply_topics_end(shared.topics, &deadline))
        reply_topics_free(shared.topics); /* otherwise the thread still uses it; the process ends soon */
    metrics_free(metrics);
    if (apply->is_done)
        apply->result = missing_of_all(apply) > 0 || apply->counts.unknown > 0 ? REPLAY_INCOMPLETE : REPLAY_APPLIED;
}

enum replay_apply_result replay_apply(const struct config *config, const struct replay_apply_request *request,
                                      char *error, size_t error_size)
{
    struct apply *apply = calloc(1, sizeof(*apply));
    struct replay_ranges ranges = {0};
    if (!apply) {
        snprintf(error, error_size, "out of memory");
        return REPLAY_UNAVAILABLE;
    }
    *apply = (struct apply){.original = config, .request = request, .error = error, .error_size = error_size};
    apply->rate = RATE_OF(request->rate);
    apply->fault = (struct log_fault){"the replay waits", "the replay goes on", .told = NULL};
    apply->marks.name = request->name;
    apply->marks.begin_standings = standings_begin;
    apply->marks.standing_of = standing_of_claim;
    apply->marks.listener = apply;
    enum replay_apply_result result = apply_open(apply, &ranges);
    if (result == REPLAY_APPLIED) {
        run(apply);
        if (apply->is_done && !apply->has_gone_on)
            named_workspaces_warn(&apply->named);
        if (apply->has_begun)
            apply_print_summary(apply);
        result = apply->result;
    }
    apply_close(apply);
    replay_ranges_free(&ranges);
    free(apply);
    return result;
}
