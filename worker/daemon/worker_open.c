/* Opens and closes a worker, and makes room for commands. */
#include <stdatomic.h>
#include <stdlib.h>

#include "worker/daemon/worker_internal.h"
#include "worker/validate/decode.h"

struct worker *worker_open(const struct worker_shared *shared, unsigned number, struct metrics *metrics,
                           const struct worker_feed *feed)
{
    const struct config *config = shared->config;
    struct thread_board *board = metrics_board(metrics);
    struct worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        goto failed;
    worker->shared = shared;
    worker->config = worker->validation = config;
    worker->command_bytes = config->limits.command_bytes;
    worker->number = number;
    worker->metrics = metrics;
    worker->feed = feed;
    if (feed->transactional)
        snprintf(worker->transactional, sizeof(worker->transactional), "%s", feed->transactional);
    else
        snprintf(worker->transactional, sizeof(worker->transactional), "%u", number);
    worker->sending_fault = (struct log_fault){"producer failing", "producer recovered", .told = &board->kafka};
    worker->sending_fault.quiet_ms = SENDING_QUIET_MS;
    worker->rebuild_fault =
        (struct log_fault){"rebuild of Redis failing; commands wait", "rebuild of Redis succeeded", .told = NULL};
    if (batch_open(&worker->batch, (uint32_t)config->batch.commands, (size_t)config->batch.bytes,
                   (size_t)config->limits.command_bytes) != 0)
        goto failed;
    worker->parser = decode_parser_new((size_t)config->limits.command_bytes);
    worker->cache = definitions_cache_new((size_t)config->definitions.cache_workspaces, shared->watch);
    worker->index = index_open(config);
    worker->trace = shared->tracing ? batch_trace_new(shared->tracing, number) : NULL;
    if (worker->index) {
        index_set_keep_going(worker->index, worker_keep_going, worker);
        index_set_complaint(worker->index, &board->redis);
    }
    if (worker->parser && worker->cache && worker->index && (worker->trace || !shared->tracing))
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
    sink_close(worker->sink); /* before the source: it may refer to the batch's messages, which the source frees */
    worker_close_source(worker);
    index_close(worker->index);
    definitions_cache_free(worker->cache);
    batch_trace_free(worker->trace);
    if (worker->parser)
        json_parser_free(worker->parser);
    batch_close(&worker->batch);
    offsets_free(&worker->record_ends);
    free(worker);
}

/* Makes room for longer commands. The batch must be empty. False when out of memory. */
static bool worker_make_room(struct worker *worker, int64_t command_bytes)
{
    const struct config *config = worker->config;
    struct batch batch;
    struct json_parser *parser = decode_parser_new((size_t)command_bytes);
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

void worker_take_config(struct worker *worker)
{
    const struct config *validation = atomic_load(&worker->shared->validation);
    if (validation->limits.command_bytes <= worker->command_bytes)
        worker->validation = validation;
}

void worker_follow_config(struct worker *worker)
{
    const struct config *validation = atomic_load(&worker->shared->validation);
    if (validation->limits.command_bytes > worker->command_bytes &&
        !worker_make_room(worker, validation->limits.command_bytes))
        log_error("out of memory for longer commands; limits and validation stay as they are");
}
