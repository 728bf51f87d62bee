#include "worker/daemon/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/daemon/worker_internal.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply.h"

#define FILL_WAIT_MS 100 /* also how soon a stop is seen while there is nothing to do */

struct worker *worker_open(const struct worker_shared *shared, unsigned number, struct metrics *metrics)
{
    const struct config *config = shared->config;
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        goto failed;
    worker->shared = shared;
    worker->config = worker->judging = config;
    worker->command_bytes = config->limits.command_bytes;
    worker->number = number;
    worker->metrics = metrics;
    worker->sending_fault = (struct log_fault){"sending fails", "sending goes on", 0};
    worker->rebuild_fault =
        (struct log_fault){"the rebuild of Redis fails; commands wait", "Redis could be rebuilt", 0};
    if (batch_open(&worker->batch, (uint32_t)config->batch.commands, (size_t)config->batch.bytes,
                   (size_t)config->limits.command_bytes) != 0)
        goto failed;
    worker->parser = json_parser_new((size_t)config->limits.command_bytes);
    worker->cache = definitions_cache_new((size_t)config->definitions.cache_workspaces, shared->watch);
    worker->index = index_open(config);
    if (worker->index)
        index_set_patience(worker->index, worker_keep_going, worker);
    if (worker->parser && worker->cache && worker->index)
        return worker;
failed:
    log_error("a worker cannot start: out of memory", LOG_INTEGER("thread", number));
    worker_close(worker);
    return NULL;
}

void worker_close(struct worker *worker)
{
    if (!worker)
        return;
    sink_close(worker->sink); /* first, since it may still refer to the batch, which goes with the source */
    source_close(worker->source);
    index_close(worker->index);
    definitions_cache_free(worker->cache);
    if (worker->parser)
        json_parser_free(worker->parser);
    batch_close(&worker->batch);
    offsets_free(&worker->record_ends);
    free(worker);
}

/* ---- what the world may know ---- */

void worker_beat(struct worker *worker)
{
    struct definitions_counts look_ups = definitions_cache_counts(worker->cache);
    bool kafka_is_up = worker->source && !worker->kafka_is_slow && !source_is_cut_off(worker->source);
    metrics_beat(worker->metrics);
    metrics_set(worker->metrics, METRIC_KAFKA_UP, 0, kafka_is_up);
    metrics_set(worker->metrics, METRIC_REDIS_RETRIES, 0, index_retries(worker->index));
    metrics_set(worker->metrics, METRIC_DEFINITIONS_WAITING, 0, worker->source ? source_waiting(worker->source) : 0);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_HIT, look_ups.hits);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_MISS, look_ups.misses);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_BROKEN, look_ups.broken);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_COMPILED, look_ups.compiled);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_EVICTED, look_ups.evicted);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_INVALIDATED, look_ups.invalidated);
}

/* ---- waiting ---- */

void worker_drop_source(struct worker *worker)
{
    source_close(worker->source);
    worker->source = NULL;
}

bool worker_back_off(struct worker *worker, struct backoff *backoff)
{
    int wait_ms = backoff->next_ms ? backoff->next_ms : BACKOFF_FIRST_MS;
    backoff->next_ms = wait_ms * 2 < BACKOFF_LAST_MS ? wait_ms * 2 : BACKOFF_LAST_MS;
    if (worker->source && source_pause(worker->source, wait_ms) != 0)
        worker_drop_source(worker);
    else if (!worker->source)
        nanosleep(&(struct timespec){wait_ms / 1000, (wait_ms % 1000) * 1000000L}, NULL);
    worker_beat(worker);
    return !stop_is_requested();
}

/* ---- the stages ---- */

typedef enum stage_result worker_stage(struct worker *worker);

static enum stage_result worker_decode(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        decode_item(&worker->batch.items[i], worker->judging, worker->parser, &worker->batch.arena);
    return STAGE_DONE;
}

/* definitions.on_missing = wait: commands that lack nothing but definitions are put off, and with them their partition,
 * so that its replies stay in order. */
static void worker_postpone(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++) {
        const struct item *item = &worker->batch.items[i];
        if (!item->dropped && item->outcome == OUTCOME_REJECTED && item->error == ERROR_DEFINITIONS_MISSING)
            source_postpone(worker->source, i, worker->config->definitions.wait_ms);
    }
}

static enum stage_result worker_check(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (!worker->batch.items[i].dropped)
            check_item(&worker->batch.items[i], worker->judging, &worker->batch.arena);
    if (worker->config->definitions.on_missing == ON_MISSING_WAIT)
        worker_postpone(worker);
    return STAGE_DONE;
}

static enum stage_result worker_compose(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (!worker->batch.items[i].dropped)
            reply_compose(&worker->batch.items[i], &worker->batch.arena);
    return STAGE_DONE;
}

static bool try_look_up(struct worker *worker)
{
    return index_definitions(worker->index, worker->cache, &worker->batch);
}

static bool try_claim(struct worker *worker)
{
    return index_claim(worker->index, &worker->batch);
}

/* Tries a stage against Redis until it has succeeded as a whole, on data that are sound. */
static enum stage_result worker_retry_until_done(struct worker *worker, bool try(struct worker *worker))
{
    struct backoff backoff = {0};
    size_t mark = worker->batch.arena.used;
    while (!worker->source || !worker_ensure_index(worker) || !try(worker)) {
        if (!worker_back_off(worker, &backoff) || !worker->source)
            return STAGE_STOP;
        arena_reset(&worker->batch.arena, mark);
    }
    return STAGE_DONE;
}

static enum stage_result worker_look_up(struct worker *worker)
{
    failpoint(FAILPOINT_BEFORE_LOOK_UP);
    enum stage_result result = worker_retry_until_done(worker, try_look_up);
    failpoint(FAILPOINT_AFTER_LOOK_UP);
    return result;
}

static enum stage_result worker_claim(struct worker *worker)
{
    return worker_retry_until_done(worker, try_claim);
}

static const struct {
    worker_stage *run;
    enum batch_stage name;
} stages[] = {
    {worker_decode, STAGE_DECODE}, {worker_look_up, STAGE_DEFINITIONS}, {worker_check, STAGE_CHECK},
    {worker_claim, STAGE_CLAIM},   {worker_compose, STAGE_COMPOSE},     {worker_commit, STAGE_COMMIT},
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum stage_result worker_pass_stages(struct worker *worker)
{
    double began = seconds_now();
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        enum stage_result result = stages[i].run(worker);
        if (result != STAGE_DONE)
            return result;
        double ended = seconds_now();
        metrics_observe(worker->metrics, METRIC_BATCH_SECONDS, stages[i].name, ended - began);
        began = ended;
    }
    return STAGE_DONE;
}

static void worker_run_batch(struct worker *worker)
{
    failpoint(FAILPOINT_FILLED);
    size_limits_begin_batch(&worker->size_limits);
    while (worker_pass_stages(worker) == STAGE_AGAIN)
        batch_reset_for_retry(&worker->batch);
}

/* Makes room for longer commands. The batch is empty. */
static bool worker_make_room(struct worker *worker, int64_t command_bytes)
{
    const struct config *config = worker->config;
    struct batch batch;
    struct json_parser *parser = json_parser_new((size_t)command_bytes);
    if (!parser ||
        batch_open(&batch, (uint32_t)config->batch.commands, (size_t)config->batch.bytes, (size_t)command_bytes) != 0) {
        json_parser_free(parser);
        return false;
    }
    json_parser_free(worker->parser);
    batch_close(&worker->batch);
    worker->parser = parser;
    worker->batch = batch;
    worker->command_bytes = command_bytes;
    return true;
}

/* Takes over what was reloaded, if there is room for the longest command that it allows. */
static void worker_take_config(struct worker *worker)
{
    const struct config *judging = atomic_load(&worker->shared->judging);
    if (judging->limits.command_bytes <= worker->command_bytes)
        worker->judging = judging;
}

/* Between two batches: makes that room. */
static void worker_follow_config(struct worker *worker)
{
    const struct config *judging = atomic_load(&worker->shared->judging);
    if (judging->limits.command_bytes > worker->command_bytes &&
        !worker_make_room(worker, judging->limits.command_bytes))
        log_error("no memory for longer commands; limits and validation stay as they are");
}

void worker_run(struct worker *worker)
{
    while (worker_get_ready(worker)) {
        worker_follow_config(worker);
        uint32_t most = worker->single ? worker->single_most : worker->batch.capacity;
        if (source_fill(worker->source, most, FILL_WAIT_MS) != 0) {
            worker_drop_source(worker);
            continue;
        }
        if (worker->batch.count == 0) {
            worker_commit_idle(worker);
            continue;
        }
        worker_take_config(worker);
        worker_run_batch(worker);
        if (!worker->source)
            continue;
        source_release(worker->source);
        source_resume(worker->source);
    }
}
