#include "worker/worker.h"

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

#define FILL_WAIT_MS     100  /* also how soon a stop is seen while there is nothing to do */
#define COMMIT_WAIT_MS   1000 /* how soon a stop is seen while Kafka is away */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LAST_MS  1000

struct worker {
    const struct config *config;
    unsigned number;
    struct batch batch;
    struct json_parser *parser;
    struct definitions_cache *cache;
    struct store *store;
    struct sink *sink; /* NULL: to be opened */
    struct source *source; /* NULL: to be opened */
};

struct worker *worker_open(const struct config *config, unsigned number)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        goto failed;
    worker->config = config;
    worker->number = number;
    if (batch_open(&worker->batch, (uint32_t)config->batch.commands, (size_t)config->batch.bytes,
                   (size_t)config->limits.command_bytes) != 0)
        goto failed;
    worker->parser = json_parser_new((size_t)config->limits.command_bytes);
    worker->cache = definitions_cache_new((size_t)config->definitions.cache_workspaces);
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
    source_close(worker->source);
    sink_close(worker->sink);
    store_close(worker->store);
    definitions_cache_free(worker->cache);
    if (worker->parser)
        json_parser_free(worker->parser);
    batch_close(&worker->batch);
    free(worker);
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

/* False if the end was asked for before all was there. */
static bool worker_get_ready(struct worker *worker)
{
    struct backoff backoff = {0};
    while (!stop_is_requested()) {
        if (store_connect(worker->store) && worker_open_sink(worker)) {
            if (!worker->source)
                worker->source = source_open(worker->config, worker->number, &worker->batch);
            if (worker->source)
                return true;
        }
        worker_back_off(worker, &backoff);
    }
    return false;
}

/* ---- the stages ---- */

static void worker_decode(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        decode_item(&worker->batch.items[i], worker->config, worker->parser, &worker->batch.arena);
}

static void worker_check(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (!worker->batch.items[i].dropped)
            check_item(&worker->batch.items[i], worker->config, &worker->batch.arena);
}

static void worker_compose(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->batch.count; i++)
        if (!worker->batch.items[i].dropped)
            reply_compose(&worker->batch.items[i], &worker->batch.arena);
}

typedef bool store_stage(struct worker *worker);

static bool stage_look_up(struct worker *worker)
{
    return store_definitions(worker->store, worker->cache, &worker->batch);
}

static bool stage_claim(struct worker *worker)
{
    return store_claim(worker->store, &worker->batch);
}

/* Runs a stage against Redis until it has succeeded as a whole. False if there is no batch any more, or no time. */
static bool worker_insist(struct worker *worker, store_stage *stage)
{
    struct backoff backoff = {0};
    size_t mark = worker->batch.arena.used;
    while (!store_connect(worker->store) || !stage(worker)) {
        if (!worker_back_off(worker, &backoff) || !worker->source)
            return false;
        arena_reset(&worker->batch.arena, mark);
    }
    return true;
}

/* Sends the batch and ends its transaction. SINK_DONE also if nothing of it is ours any more. */
static enum sink_result worker_send(struct worker *worker)
{
    rd_kafka_topic_partition_list_t *offsets = source_offsets(worker->source);
    enum sink_result result = SINK_DONE;
    if (offsets->cnt > 0) {
        result = sink_send(worker->sink);
        if (result == SINK_DONE)
            do
                result = sink_commit(worker->sink, offsets, source_group(worker->source), COMMIT_WAIT_MS);
            while (result == SINK_LATER && !stop_is_requested());
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return result;
}

/* After a failure: whatever the group has seen committed must not be sent again. */
static bool worker_reconcile(struct worker *worker)
{
    return worker_open_sink(worker) && source_reconcile(worker->source, COMMIT_WAIT_MS);
}

static bool worker_commit(struct worker *worker)
{
    struct backoff backoff = {0};
    for (;;) {
        enum sink_result result = worker_send(worker);
        if (result == SINK_DONE)
            break;
        if (result == SINK_LATER) /* the end was asked for; what became of the transaction does not matter to us */
            return false;
        if (result == SINK_BROKEN)
            worker_close_sink(worker);
        do {
            if (!worker_back_off(worker, &backoff) || !worker->source)
                return false;
        } while (!worker_reconcile(worker));
    }
    if (worker->config->delivery.mode == DELIVERY_AT_LEAST_ONCE)
        source_commit(worker->source);
    if (sink_is_suspect(worker->sink))
        worker_close_sink(worker);
    return true;
}

static void worker_run_batch(struct worker *worker)
{
    worker_decode(worker);
    if (!worker_insist(worker, stage_look_up))
        return;
    worker_check(worker);
    if (!worker_insist(worker, stage_claim))
        return;
    worker_compose(worker);
    worker_commit(worker);
}

void worker_run(struct worker *worker)
{
    while (worker_get_ready(worker)) {
        if (source_fill(worker->source, FILL_WAIT_MS) != 0) {
            worker_drop_source(worker);
            continue;
        }
        if (worker->batch.count == 0)
            continue;
        worker_run_batch(worker);
        if (!worker->source)
            continue;
        source_settle(worker->source);
        source_resume(worker->source);
    }
}
