/* trace_queue: traces on their way from the workers' threads to the one that sends them. It is bounded, in spans and in
 * bytes, and who puts never waits for room. */
#ifndef WORKER_TRACING_TRACE_QUEUE_H
#define WORKER_TRACING_TRACE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "worker/tracing/trace.h"

struct trace_queue {
    pthread_mutex_t lock; /* held for a few instructions */
    pthread_cond_t changed;
    struct trace **places; /* a ring */
    size_t place_count, first, count;
    size_t spans, spans_most;
    size_t bytes, bytes_most;
    size_t enough;    /* spans, with which the taking thread is woken */
    int64_t first_ms; /* when the first trace was put; CLOCK_MONOTONIC */
    int64_t
        deadline_ms; /* INT64_MAX: goes on; otherwise trace_queue_end was called, and waits end then at the latest */
};

/* Returns 0, or -1 when out of memory. */
MUST_CHECK int trace_queue_open(struct trace_queue *queue, size_t spans_most, size_t bytes_most, size_t enough);

/* Frees what is left. No other thread may use the queue. */
void trace_queue_close(struct trace_queue *queue);

/* For any thread. Takes the trace over; or false if there is no room for it. */
MUST_CHECK bool trace_queue_put(struct trace_queue *queue, struct trace *trace);

/* For the taking thread: waits until there is `enough`, or the first trace has waited for `delay_ms`, or the end was
 * called. Takes the oldest traces: at most `most`, and no more behind one with which they have `enough` spans or
 * `bytes` bytes. Returns how many; 0 if the queue has ended and is empty. */
size_t trace_queue_take(struct trace_queue *queue, int64_t delay_ms, size_t bytes, struct trace **traces, size_t most);

/* For the taking thread: waits until `until_ms` (CLOCK_MONOTONIC). False, at once, if the deadline of the end is
 * before. */
MUST_CHECK bool trace_queue_pause(struct trace_queue *queue, int64_t until_ms);

/* Wakes the taking thread. What is put from now on is taken, too, until the queue is empty. The deadline may be moved
 * to an earlier time. */
void trace_queue_end(struct trace_queue *queue, int64_t deadline_ms);

/* For any thread: the deadline. */
int64_t trace_queue_deadline_ms(struct trace_queue *queue);

#endif
