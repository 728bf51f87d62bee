/* The loop: a worker gets ready, then passes one batch after another through the eight stages. */
#include "worker/daemon/worker.h"

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/daemon/worker_internal.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply.h"

#define FILL_WAIT_MS 100 /* also how soon a stop is noticed while there are no commands */

/* What checking a batch and its replies may take of the arena: so much, and so much for each byte of batch.bytes.
 * Batches of usual commands take half of it at most. */
#define CHECK_BYTES ((size_t)32 << 20)
#define CHECK_SHARE 8

typedef enum stage_result worker_stage(struct worker *worker);

static worker_stage worker_fill, worker_decode, worker_look_up, worker_check, worker_claim, worker_compose,
    worker_release;

/* The stages of a batch. `timed`: the stage's label in batch_seconds; BATCH_STAGES: it only waits and is not timed. */
static const struct {
    worker_stage *run;
    enum batch_stage timed;
} stages[] = {
    {worker_fill, BATCH_STAGES},         /* Kafka:  takes commands from the source */
    {worker_decode, STAGE_DECODE},       /*         JSON, ids, type */
    {worker_look_up, STAGE_DEFINITIONS}, /* Redis:  the definitions of the workspaces */
    {worker_check, STAGE_CHECK},         /*         field rules; the client's record */
    {worker_claim, STAGE_CLAIM},         /* Redis:  claims id and email, or finds their owner */
    {worker_compose, STAGE_COMPOSE},     /*         the replies */
    {worker_commit, STAGE_COMMIT},       /* Kafka:  one transaction; then Redis' checkpoint */
    {worker_release, BATCH_STAGES},      /* Kafka:  gives the messages back to the source */
};
enum { FIRST_STAGE = 0, FIRST_STAGE_OF_RETRY = 1, STAGE_COUNT = sizeof(stages) / sizeof(stages[0]) };

static void worker_pass_stages(struct worker *worker)
{
    size_t next = FIRST_STAGE;
    while (next < STAGE_COUNT) {
        double began = clock_now_seconds();
        enum stage_result result = stages[next].run(worker);
        double ended = clock_now_seconds();
        if (stages[next].timed != BATCH_STAGES)
            batch_trace_stage(worker->trace, stages[next].timed, began, ended, result != BATCH_GOES_ON);
        if (result == BATCH_ENDS) {
            batch_trace_end(worker->trace, &worker->batch,
                            worker->state == WORKER_OPENING ? TRACE_CONSUMER_CLOSED : TRACE_STOPPED, ended);
            return;
        }
        if (result == BATCH_STARTS_OVER) {
            batch_reset_for_retry(&worker->batch);
            next = FIRST_STAGE_OF_RETRY;
            continue;
        }
        if (stages[next].timed != BATCH_STAGES && batch_has_ours(&worker->batch)) /* not all of it was put off */
            metrics_observe(worker->metrics, METRIC_BATCH_SECONDS, stages[next].timed, ended - began);
        next++;
    }
}

void worker_run(struct worker *worker)
{
    while (worker_get_ready(worker))
        worker_pass_stages(worker);
}

/* ---- the stages ---- */

static enum stage_result worker_fill(struct worker *worker)
{
    worker_follow_config(worker);
    uint32_t most = worker->single ? worker->single_most : worker->batch.capacity;
    if (worker->slow_most > 0 && worker->slow_most < most)
        most = worker->slow_most;
    if (worker->feed->fill(worker->source, most, FILL_WAIT_MS) != 0) {
        worker_drop_source(worker);
        return BATCH_ENDS;
    }
    if (worker->batch.count == 0) {
        worker_commit_idle(worker);
        return BATCH_ENDS;
    }
    worker_take_config(worker);
    worker_enter(worker, WORKER_IN_BATCH);
    size_limits_begin_batch(&worker->size_limits);
    if (worker->trace)
        batch_trace_begin(worker->trace, &worker->batch, clock_now_seconds());
    failpoint(FAILPOINT_FILLED);
    return BATCH_GOES_ON;
}

static enum stage_result worker_decode(struct worker *worker)
{
    if (worker->feed->begin)
        worker->feed->begin(worker->source);
    for (uint32_t i = 0; i < worker->batch.count; i++)
        decode_item(&worker->batch.items[i], worker->validation, worker->parser, &worker->batch.arena);
    return BATCH_GOES_ON;
}

/* definitions.on_missing = wait: postpones commands that lack nothing but definitions. Their partition waits with them,
 * so its replies stay in order. */
static void worker_postpone(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++) {
        const struct item *item = &worker->batch.items[i];
        if (item_is_ours(item) && item->outcome == OUTCOME_REJECTED && item->error == ERROR_DEFINITIONS_MISSING &&
            worker->feed->postpone(worker->source, i, worker->config->definitions.wait_ms))
            thread_board_note_waiting(metrics_board(worker->metrics), item, clock_now_ms(), clock_wall_ms());
    }
}

/* At-least-once: not after some of the batch's messages have arrived, since a command that waits for another batch
 * would have them sent again. */
static bool worker_may_split(const struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        for (int kind = 0; kind < MESSAGE_KINDS; kind++)
            if (worker->batch.items[i].arrival[kind] != ARRIVAL_OPEN)
                return false;
    return true;
}

/* On a cluster some commands can be decided while others cannot: these wait, and their partitions with them. */
static void worker_hold_back(struct worker *worker)
{
    if (!index_is_in_parts(worker->index) || !worker->feed->hold || !worker_may_split(worker))
        return;
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (item_is_ours(&worker->batch.items[i]) && !index_may_decide(worker->index, &worker->batch.items[i]))
            worker->feed->hold(worker->source, i);
}

/* The first commands of the batch, of those that are ours, stay. The others wait for the next batch. */
static void worker_split(struct worker *worker, uint32_t kept)
{
    if (kept < batch_count_ours(&worker->batch))
        worker->feed->put_off(worker->source, kept);
}

/* Commands for which there is no room, since those before them have too many errors, wait for the next batch. */
static enum stage_result worker_check(struct worker *worker)
{
    const size_t room =
        worker_may_split(worker) ? CHECK_BYTES + CHECK_SHARE * (size_t)worker->config->batch.bytes : SIZE_MAX;
    worker_split(worker, check_batch(&worker->batch, worker->validation, room));
    if (worker->config->definitions.on_missing == ON_MISSING_WAIT)
        worker_postpone(worker);
    return BATCH_GOES_ON;
}

static enum stage_result worker_compose(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (item_is_ours(&worker->batch.items[i]))
            reply_prepare(&worker->batch.items[i], worker->config, &worker->batch.arena);
    return BATCH_GOES_ON;
}

/* Commands of workspaces for whose definitions there is no room wait for the next batch. */
static bool try_look_up(struct worker *worker)
{
    uint32_t known;
    worker_hold_back(worker);
    if (worker->feed->look_up)
        return worker->feed->look_up(worker->source);
    definitions_cache_limit(worker->cache,
                            worker_may_split(worker) ? (size_t)worker->config->definitions.cache_bytes : SIZE_MAX);
    if (!index_definitions(worker->index, worker->cache, &worker->batch, &known))
        return false;
    worker_split(worker, known);
    return true;
}

static bool try_claim(struct worker *worker)
{
    worker_hold_back(worker);
    return index_claim(worker->index, &worker->batch);
}

/* Tries a stage against Redis until it has succeeded as a whole, on a verified index. */
static enum stage_result worker_retry_until_done(struct worker *worker, bool try(struct worker *worker))
{
    struct backoff backoff = {0};
    size_t mark = worker->batch.arena.used;
    while (!worker_ensure_index(worker) || !try(worker)) {
        if (!worker_back_off(worker, &backoff) || worker->state == WORKER_OPENING)
            return BATCH_ENDS;
        arena_reset(&worker->batch.arena, mark);
    }
    return BATCH_GOES_ON;
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
    if (worker->feed->settle_jumps)
        worker->feed->settle_jumps(worker->source);
    enum stage_result result = worker_retry_until_done(worker, try_claim);
    if (result == BATCH_GOES_ON && worker->feed->claimed)
        worker->feed->claimed(worker->source);
    return result;
}

static enum stage_result worker_release(struct worker *worker)
{
    if (worker->trace)
        batch_trace_end(worker->trace, &worker->batch, TRACE_COMMITTED, clock_now_seconds());
    worker->feed->release(worker->source);
    worker->feed->resume(worker->source);
    worker_enter(worker, WORKER_READY);
    return BATCH_GOES_ON;
}
