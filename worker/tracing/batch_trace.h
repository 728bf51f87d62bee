/* batch_trace: notes the trace of a thread's batches, one after another. A batch has a trace if one of the commands
 * that it answers has a sampled parent; it costs a look at the headers otherwise. */
#ifndef WORKER_TRACING_BATCH_TRACE_H
#define WORKER_TRACING_BATCH_TRACE_H

#include "worker/tracing/trace.h"
#include "worker/tracing/tracing.h"

struct batch_trace;

/* New, or NULL when out of memory. `tracing` must outlive it. */
MUST_CHECK struct batch_trace *batch_trace_new(struct tracing *tracing, unsigned thread);
void batch_trace_free(struct batch_trace *notes);

/* The functions below accept NULL, where traces are off. `at` is clock_now_seconds. */

/* The batch is filled: takes the sampled parents of its commands. */
void batch_trace_begin(struct batch_trace *notes, const struct batch *batch, double at);

/* A stage has ended. `failed`: the batch is evaluated again, or ends here. */
void batch_trace_stage(struct batch_trace *notes, enum batch_stage stage, double began, double ended, bool failed);

/* The batch has ended; hands its trace over, if it has one. A committed batch is told by what is ours at its end, so
 * one of which everything was put off has none. `batch` is looked at only if it was committed; otherwise the trace
 * tells what it was filled with. */
void batch_trace_end(struct batch_trace *notes, const struct batch *batch, enum trace_end end, double at);

#endif
