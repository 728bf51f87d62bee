/* tracing: sends the traces of all threads to `tracing.endpoint` by OTLP/HTTP, in a thread of its own. No batch waits
 * for it: what its queue has no room for is dropped, and counted. */
#ifndef WORKER_TRACING_TRACING_H
#define WORKER_TRACING_TRACING_H

#include <time.h>

#include "worker/config/config.h"
#include "worker/metrics/metrics.h"
#include "worker/tracing/trace.h"

struct tracing;

/* True with *tracing, whose thread has started, or NULL if `tracing.endpoint` is empty. False after the reason was
 * logged. `config` must outlive it. To be called before other threads are started. */
MUST_CHECK bool tracing_open(const struct config *config, struct tracing **tracing);

enum tracing_answer {
    TRACING_ACCEPTS,
    TRACING_REFUSES, /* the receiver answers, and would not take spans */
    TRACING_AWAY     /* it does not answer, or says that it is busy */
};

/* Sends `tracing.endpoint` a request without spans, and waits for the answer until the timeout. `text` is what is
 * wrong. For a process without other threads. */
MUST_CHECK enum tracing_answer tracing_probe(const struct config *config, char *text, size_t size);

/* Tells the thread to end: it sends what it has, within `within_ms`. May be called again, to have it end sooner.
 * `tracing` NULL is allowed, here and below. */
void tracing_finish(struct tracing *tracing, int64_t within_ms);

/* Waits until `deadline` (CLOCK_MONOTONIC) for the thread's end, for which tracing_finish has asked. True if it has
 * ended. */
MUST_CHECK bool tracing_end(struct tracing *tracing, const struct timespec *deadline);

/* To be called when the thread has ended. */
void tracing_free(struct tracing *tracing);

/* ---- for any thread ---- */

/* Links that a batch may have. */
uint32_t tracing_links(const struct tracing *tracing);

/* Sends a copy of the trace. Never waits. */
void tracing_put(struct tracing *tracing, const struct trace *trace);

/* How many spans met this fate since the start (METRIC_SPANS). */
uint64_t tracing_count(const struct tracing *tracing, enum span_result result);

#endif
