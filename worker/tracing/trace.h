/* trace: what was noted of one batch: when its stages began and ended, and the sampled parents of its commands. It
 * becomes a span with a child for each stage.
 *
 * The folder worker/tracing notes, keeps and sends traces (OpenTelemetry). It may use worker/metrics, worker/config,
 * worker/model, common, libcurl and jansson. */
#ifndef WORKER_TRACING_TRACE_H
#define WORKER_TRACING_TRACE_H

#include <stdint.h>

#include "common/must_check.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"
#include "worker/tracing/trace_context.h"

/* Stages that are noted of a batch; it has more if it was evaluated again several times. */
#define TRACE_STAGES 32

/* How the batch ended. */
enum trace_end {
    TRACE_COMMITTED,
    TRACE_STOPPED,        /* a stop was requested before the commit */
    TRACE_CONSUMER_CLOSED /* the consumer failed, so other members get the commands */
};

/* Times are nanoseconds since 1970, UTC. They advance with CLOCK_MONOTONIC, so what ends has begun before. */
struct trace_stage {
    enum batch_stage stage;
    bool failed; /* the batch was evaluated again, or ended here */
    int64_t began_ns, ended_ns;
};

struct trace_link {
    struct trace_context parent;
    int32_t partition;
    int64_t offset;
    struct span state; /* valid tracestate; in the trace; empty: none */
};

struct trace {
    unsigned thread;
    uint32_t commands; /* those that were answered; of a batch that was not committed, all */
    int32_t partition; /* of all of them, or -1 if they are of several */
    int64_t offset;    /* of the command, if it is one */
    enum trace_end end;
    uint32_t outcomes[OUTCOME_REJECTED + 1]; /* of the commands that were answered */
    int64_t began_ns, ended_ns;
    uint32_t stage_count, stages_left_out;
    struct trace_stage stages[TRACE_STAGES];
    uint32_t link_count, links_left_out;
    struct trace_link *links;
    size_t bytes; /* of the whole allocation */
};

/* A copy in one allocation, to be freed with free; or NULL when out of memory. */
MUST_CHECK struct trace *trace_copy(const struct trace *trace);

/* How many spans it becomes. */
static inline uint32_t trace_spans(const struct trace *trace)
{
    return 1 + trace->stage_count;
}

#endif
