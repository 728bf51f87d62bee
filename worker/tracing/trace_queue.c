#include "worker/tracing/trace_queue.h"

#include <stdlib.h>

#include "common/clock.h"

int trace_queue_open(struct trace_queue *queue, size_t spans_most, size_t bytes_most, size_t enough)
{
    *queue = (struct trace_queue){.place_count = spans_most,
                                  .spans_most = spans_most,
                                  .bytes_most = bytes_most,
                                  .enough = enough,
                                  .deadline_ms = INT64_MAX};
    queue->places = calloc(spans_most, sizeof(queue->places[0]));
    if (!queue->places)
        return -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&queue->lock, NULL);
    return 0;
}

static struct trace *first_out(struct trace_queue *queue)
{
    struct trace *trace = queue->places[queue->first];
    queue->first = (queue->first + 1) % queue->place_count;
    queue->count--;
    queue->spans -= trace_spans(trace);
    queue->bytes -= trace->bytes;
    return trace;
}

void trace_queue_close(struct trace_queue *queue)
{
    if (!queue->places)
        return;
    while (queue->count > 0)
        free(first_out(queue));
    free(queue->places);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    *queue = (struct trace_queue){0};
}

bool trace_queue_put(struct trace_queue *queue, struct trace *trace)
{
    const size_t spans = trace_spans(trace);
    pthread_mutex_lock(&queue->lock);
    const bool has_room = queue->spans + spans <= queue->spans_most && queue->bytes + trace->bytes <= queue->bytes_most;
    if (has_room) {
        const bool had_enough = queue->spans >= queue->enough;
        if (queue->count == 0)
            queue->first_ms = clock_now_ms();
        queue->places[(queue->first + queue->count) % queue->place_count] = trace;
        queue->count++;
        queue->spans += spans;
        queue->bytes += trace->bytes;
        /* The first one starts the delay. */
        if (queue->count == 1 || (!had_enough && queue->spans >= queue->enough))
            pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return has_room;
}

/* Waits until `until_ms` at most; INT64_MAX: without a limit. */
static void wait_for_change(struct trace_queue *queue, int64_t until_ms)
{
    if (until_ms == INT64_MAX) {
        pthread_cond_wait(&queue->changed, &queue->lock);
        return;
    }
    const struct timespec until = clock_time(until_ms);
    pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
}

static bool has_ended(const struct trace_queue *queue)
{
    return queue->deadline_ms != INT64_MAX;
}

size_t trace_queue_take(struct trace_queue *queue, int64_t delay_ms, size_t bytes, struct trace **traces, size_t most)
{
    size_t taken = 0, taken_spans = 0, taken_bytes = 0;
    pthread_mutex_lock(&queue->lock);
    while (!has_ended(queue) && queue->spans < queue->enough &&
           (queue->count == 0 || clock_now_ms() < queue->first_ms + delay_ms))
        wait_for_change(queue, queue->count == 0 ? INT64_MAX : queue->first_ms + delay_ms);
    while (queue->count > 0 && taken < most && taken_spans < queue->enough && taken_bytes < bytes) {
        traces[taken] = first_out(queue);
        taken_spans += trace_spans(traces[taken]);
        taken_bytes += traces[taken]->bytes;
        taken++;
    }
    queue->first_ms = clock_now_ms();
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

bool trace_queue_pause(struct trace_queue *queue, int64_t until_ms)
{
    pthread_mutex_lock(&queue->lock);
    while (until_ms < queue->deadline_ms && clock_now_ms() < until_ms)
        wait_for_change(queue, until_ms);
    const bool in_time = until_ms < queue->deadline_ms;
    pthread_mutex_unlock(&queue->lock);
    return in_time;
}

void trace_queue_end(struct trace_queue *queue, int64_t deadline_ms)
{
    pthread_mutex_lock(&queue->lock);
    if (deadline_ms < queue->deadline_ms)
        queue->deadline_ms = deadline_ms;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

int64_t trace_queue_deadline_ms(struct trace_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    const int64_t deadline_ms = queue->deadline_ms;
    pthread_mutex_unlock(&queue->lock);
    return deadline_ms;
}
