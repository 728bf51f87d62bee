#include "worker/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/json.h"
#include "worker/check.h"
#include "worker/decode.h"
#include "worker/reply.h"
#include "worker/sink.h"
#include "worker/source.h"
#include "worker/stop.h"
#include "worker/store.h"
#include "worker/tally.h"

#define FILL_WAIT_MS     100  /* also how soon a stop is seen while there is nothing to do */
#define COMMIT_WAIT_MS   1000 /* how soon a stop is seen while Kafka is away */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LAST_MS  1000

struct worker {
    const struct worker_shared *shared;
    const struct config *config;  /* of the start: what connections are opened by */
    const struct config *judging; /* by which the present batch is judged */
    unsigned number;
    struct metrics *metrics;
    struct batch batch;
    struct json_parser *parser;
    int64_t command_bytes; /* what batch and parser have room for */
    struct definitions_cache *cache;
    struct store *store;
    struct sink *sink;     /* NULL: to be opened */
    struct source *source; /* NULL: to be opened */
    bool kafka_is_slow;    /* what was asked last of the sink has had no answer yet */
};

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
    if (batch_open(&worker->batch, (uint32_t)config->batch.commands, (size_t)config->batch.bytes,
                   (size_t)config->limits.command_bytes) != 0)
        goto failed;
    worker->parser = json_parser_new((size_t)config->limits.command_bytes);
    worker->cache = definitions_cache_new((size_t)config->definitions.cache_workspaces, shared->watch);
    worker->store = store_open(config);
    if (worker->parser && worker->cache && worker->store)
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
    store_close(worker->store);
    definitions_cache_free(worker->cache);
    if (worker->parser)
        json_parser_free(worker->parser);
    batch_close(&worker->batch);
    free(worker);
}

/* ---- what the world may know ---- */

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The loop has turned, in work or in waiting. */
static void worker_turn(struct worker *worker)
{
    struct definitions_counts look_ups = definitions_cache_counts(worker->cache);
    bool kafka_is_up = worker->source && !worker->kafka_is_slow && !source_is_cut_off(worker->source);
    metrics_turn(worker->metrics);
    metrics_set(worker->metrics, METRIC_KAFKA_UP, 0, kafka_is_up);
    metrics_set(worker->metrics, METRIC_REDIS_RETRIES, 0, store_retries(worker->store));
    metrics_set(worker->metrics, METRIC_DEFINITIONS_WAITING, 0, worker->source ? source_waiting(worker->source) : 0);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_HIT, look_ups.hits);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_MISS, look_ups.misses);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_BROKEN, look_ups.broken);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_COMPILED, look_ups.compiled);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_EVICTED, look_ups.evicted);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_INVALIDATED, look_ups.invalidated);
}

static bool worker_has_redis(struct worker *worker)
{
    bool has = store_connect(worker->store);
    metrics_set(worker->metrics, METRIC_REDIS_UP, 0, has);
    return has;
}

static void worker_count_transaction(struct worker *worker, enum sink_result result)
{
    static const enum transaction_result results[] = {
        [SINK_DONE] = TRANSACTION_COMMITTED, [SINK_ABORTED] = TRANSACTION_ABORTED, [SINK_BROKEN] = TRANSACTION_LOST};
    if (worker->config->delivery.mode == DELIVERY_EXACTLY_ONCE && result != SINK_LATER)
        metrics_add(worker->metrics, METRIC_TRANSACTIONS, results[result], 1);
}

/* ---- waiting ---- */

struct backoff {
    int next_ms;
};

static void worker_drop_source(struct worker *worker)
{
    source_close(worker->source);
    worker->source = NULL;
}

/* Waits, longer each time, as a member of the group if there is one. False if waiting has no more sense: the end was
 * asked for, or the consumer failed and took the batch with it. */
static bool worker_back_off(struct worker *worker, struct backoff *backoff)
{
    int wait_ms = backoff->next_ms ? backoff->next_ms : BACKOFF_FIRST_MS;
    backoff->next_ms = wait_ms * 2 < BACKOFF_LAST_MS ? wait_ms * 2 : BACKOFF_LAST_MS;
    if (worker->source && source_hold(worker->source, wait_ms) != 0)
        worker_drop_source(worker);
    else if (!worker->source)
        nanosleep(&(struct timespec){wait_ms / 1000, (wait_ms % 1000) * 1000000L}, NULL);
    worker_turn(worker);
    return !stop_is_requested();
}

/* ---- getting ready: Redis, then the producer, which fences an earlier one, and only then the group ---- */

static bool worker_open_sink(struct worker *worker)
{
    if (!worker->sink)
        worker->sink = sink_open(worker->config, worker->number, &worker->batch);
    if (!worker->sink)
        return false;
    enum sink_result result = sink_prepare(worker->sink, COMMIT_WAIT_MS);
    worker->kafka_is_slow = result != SINK_DONE;
    if (result == SINK_DONE)
        return true;
    if (result == SINK_BROKEN) {
        sink_close(worker->sink);
        worker->sink = NULL;
    }
    return false;
}

static void worker_close_sink(struct worker *worker)
{
    sink_close(worker->sink);
    worker->sink = NULL;
}

static bool worker_open_source(struct worker *worker)
{
    if (!worker->source)
        worker->source = source_open(worker->config, worker->number, &worker->batch, worker->metrics);
    if (worker->source)
        source_resume(worker->source);
    return worker->source != NULL;
}

/* False if the end was asked for before all was there. */
static bool worker_get_ready(struct worker *worker)
{
    struct backoff backoff = {0};
    while (!stop_is_requested()) {
        if (worker_has_redis(worker) && definitions_fill_is_done(worker->shared->fill) && worker_open_sink(worker) &&
            worker_open_source(worker)) {
            worker_turn(worker);
            return true;
        }
        worker_back_off(worker, &backoff);
    }
    return false;
}

/* ---- the stages ---- */

/* A step of a batch. False if there is no batch any more, or no time. */
typedef bool worker_stage(struct worker *worker);

static bool worker_decode(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        decode_item(&worker->batch.items[i], worker->judging, worker->parser, &worker->batch.arena);
    return true;
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

static bool worker_check(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (!worker->batch.items[i].dropped)
            check_item(&worker->batch.items[i], worker->judging, &worker->batch.arena);
    if (worker->config->definitions.on_missing == ON_MISSING_WAIT)
        worker_postpone(worker);
    return true;
}

static bool worker_compose(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (!worker->batch.items[i].dropped)
            reply_compose(&worker->batch.items[i], &worker->batch.arena);
    return true;
}

static bool try_look_up(struct worker *worker)
{
    return store_definitions(worker->store, worker->cache, &worker->batch);
}

static bool try_claim(struct worker *worker)
{
    return store_claim(worker->store, &worker->batch);
}

/* Tries a stage against Redis until it has succeeded as a whole. */
static bool worker_insist(struct worker *worker, worker_stage *try)
{
    struct backoff backoff = {0};
    size_t mark = worker->batch.arena.used;
    while (!worker_has_redis(worker) || !try(worker)) {
        if (!worker_back_off(worker, &backoff) || !worker->source)
            return false;
        arena_reset(&worker->batch.arena, mark);
    }
    return true;
}

static bool worker_look_up(struct worker *worker)
{
    return worker_insist(worker, try_look_up);
}

static bool worker_claim(struct worker *worker)
{
    return worker_insist(worker, try_claim);
}

/* Ends the transaction, or is told to end while Kafka does not answer: SINK_LATER. */
static enum sink_result worker_end_transaction(struct worker *worker, const rd_kafka_topic_partition_list_t *offsets)
{
    enum sink_result result;
    do {
        result = sink_commit(worker->sink, offsets, source_group(worker->source), COMMIT_WAIT_MS);
        worker->kafka_is_slow = result == SINK_LATER;
        worker_turn(worker);
    } while (result == SINK_LATER && !stop_is_requested());
    return result;
}

/* Sends the batch and ends its transaction. SINK_DONE also if nothing of it is ours any more. */
static enum sink_result worker_send(struct worker *worker)
{
    rd_kafka_topic_partition_list_t *offsets = source_offsets(worker->source);
    enum sink_result result = SINK_DONE;
    if (offsets->cnt > 0) {
        result = sink_send(worker->sink);
        if (result == SINK_DONE)
            result = worker_end_transaction(worker, offsets);
        worker_count_transaction(worker, result);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return result;
}

static bool worker_commit(struct worker *worker)
{
    struct backoff backoff = {0};
    bool in_doubt = false; /* whether a transaction of this batch was committed after all */
    for (;;) {
        enum sink_result result = worker_send(worker);
        if (result == SINK_DONE)
            break;
        in_doubt = in_doubt || result == SINK_BROKEN || sink_commit_was_tried(worker->sink);
        /* SINK_LATER: the end was asked for. Whatever becomes of the transaction, librdkafka must let go of the batch.
         */
        if (result == SINK_LATER || result == SINK_BROKEN)
            worker_close_sink(worker);
        if (result == SINK_LATER)
            return false;
        do {
            if (!worker_back_off(worker, &backoff) || !worker->source)
                return false;
        } while (!worker_open_sink(worker) || (in_doubt && !source_reconcile(worker->source, COMMIT_WAIT_MS)));
        in_doubt = false;
    }
    if (worker->config->delivery.mode == DELIVERY_AT_LEAST_ONCE)
        source_commit(worker->source);
    log_debug("batch committed", LOG_INTEGER("thread", worker->number), LOG_INTEGER("commands", worker->batch.count),
              LOG_INTEGER("bytes", worker->batch.bytes));
    tally_batch(worker->metrics, &worker->batch, now_ms(CLOCK_REALTIME));
    if (sink_is_suspect(worker->sink))
        worker_close_sink(worker);
    return true;
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

static void worker_run_batch(struct worker *worker)
{
    double began = seconds_now();
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        if (!stages[i].run(worker))
            return;
        double ended = seconds_now();
        metrics_observe(worker->metrics, METRIC_BATCH_SECONDS, stages[i].name, ended - began);
        began = ended;
    }
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
        if (source_fill(worker->source, FILL_WAIT_MS) != 0) {
            worker_drop_source(worker);
            continue;
        }
        if (worker->batch.count == 0)
            continue;
        worker_take_config(worker);
        worker_run_batch(worker);
        if (!worker->source)
            continue;
        source_settle(worker->source);
        source_resume(worker->source);
    }
}
