/* How a worker waits: it stays in its group and updates its heartbeat. */
#include "common/clock.h"
#include "common/stop.h"
#include "worker/daemon/worker_internal.h"

void worker_beat(struct worker *worker)
{
    struct definitions_counts look_ups = definitions_cache_counts(worker->cache);
    bool kafka_is_up = worker->source && !worker->kafka_is_slow && !worker->feed->is_cut_off(worker->source);
    metrics_beat(worker->metrics);
    thread_board_look(metrics_board(worker->metrics), clock_now_ms());
    log_fault_look(&worker->sending_fault);
    if (worker->feed->beat)
        worker->feed->beat(worker->feed->context);
    metrics_set(worker->metrics, METRIC_KAFKA_UP, 0, kafka_is_up);
    metrics_set(worker->metrics, METRIC_REDIS_RETRIES, 0, index_retries(worker->index));
    metrics_set(worker->metrics, METRIC_DEFINITIONS_WAITING, 0,
                worker->source ? worker->feed->waiting(worker->source) : 0);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_HIT, look_ups.hits);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_MISS, look_ups.misses);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_BROKEN, look_ups.broken);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_COMPILED, look_ups.compiled);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_EVICTED, look_ups.evicted);
    metrics_set(worker->metrics, METRIC_DEFINITIONS_CACHE, CACHE_INVALIDATED, look_ups.invalidated);
    /* Counts of the process: one thread shows them. */
    for (unsigned result = 0; worker->shared->tracing && worker->number == 0 && result < SPAN_RESULTS; result++)
        metrics_set(worker->metrics, METRIC_SPANS, result, tracing_count(worker->shared->tracing, result));
}

void worker_enter(struct worker *worker, enum worker_state state)
{
    worker->state = state;
    thread_board_enter(metrics_board(worker->metrics), state);
}

void worker_close_source(struct worker *worker)
{
    if (worker->source)
        worker->feed->close(worker->source);
    worker->source = NULL;
}

void worker_drop_source(struct worker *worker)
{
    worker_close_source(worker);
    worker_enter(worker, WORKER_OPENING);
}

bool worker_back_off(struct worker *worker, struct backoff *backoff)
{
    int wait_ms = backoff->next_ms ? backoff->next_ms : BACKOFF_FIRST_MS;
    backoff->next_ms = wait_ms * 2 < BACKOFF_LAST_MS ? wait_ms * 2 : BACKOFF_LAST_MS;
    if (worker->source && worker->feed->pause(worker->source, wait_ms) != 0)
        worker_drop_source(worker);
    else if (!worker->source)
        clock_sleep(wait_ms);
    worker_beat(worker);
    return !stop_is_requested();
}
