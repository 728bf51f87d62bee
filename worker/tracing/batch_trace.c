#include "worker/tracing/batch_trace.h"

#include <stdlib.h>

#include "common/clock.h"

struct batch_trace {
    struct tracing *tracing;
    bool active;            /* the batch has a trace */
    int64_t clock_began_ns; /* of CLOCK_MONOTONIC, when trace.began_ns was read */
    uint32_t links_most;
    struct trace trace;
    char *states; /* TRACE_STATE_BYTES for each link */
};

struct batch_trace *batch_trace_new(struct tracing *tracing, unsigned thread)
{
    const uint32_t links_most = tracing_links(tracing);
    struct batch_trace *notes = calloc(1, sizeof(*notes));
    if (!notes)
        return NULL;
    notes->tracing = tracing;
    notes->links_most = links_most;
    notes->trace.thread = thread;
    notes->trace.links = calloc(links_most, sizeof(notes->trace.links[0]));
    notes->states = malloc((size_t)links_most * TRACE_STATE_BYTES);
    if (notes->trace.links && notes->states)
        return notes;
    batch_trace_free(notes);
    return NULL;
}

void batch_trace_free(struct batch_trace *notes)
{
    if (!notes)
        return;
    free(notes->trace.links);
    free(notes->states);
    free(notes);
}

static int64_t nanoseconds(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

static int64_t wall_time(const struct batch_trace *notes, double at)
{
    return notes->trace.began_ns + nanoseconds(at) - notes->clock_began_ns;
}

static void take_link(struct batch_trace *notes, const struct item *item, const struct trace_context *parent)
{
    struct trace *trace = &notes->trace;
    if (trace->link_count == notes->links_most) {
        trace->links_left_out++;
        return;
    }
    const struct header *header = item_header(item, SPAN("tracestate"));
    struct span state = SPAN_NONE;
    if (header && header->value.at && trace_state_is_valid(header->value)) {
        char *room = notes->states + (size_t)trace->link_count * TRACE_STATE_BYTES;
        state = span_of(room, header->value.length);
        span_copy(room, header->value);
    }
    trace->links[trace->link_count++] = (struct trace_link){*parent, item->from.partition, item->from.offset, state};
}

/* Takes what the trace says of the batch's commands that are ours. */
static void take_commands(struct batch_trace *notes, const struct batch *batch)
{
    struct trace *trace = &notes->trace;
    struct trace_context parent;
    trace->link_count = trace->links_left_out = trace->commands = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        if (trace->commands++ == 0) {
            trace->partition = item->from.partition;
            trace->offset = item->from.offset;
        } else if (trace->partition != item->from.partition) {
            trace->partition = -1;
        }
        const struct header *header = item_header(item, SPAN("traceparent"));
        if (header && header->value.at && trace_context_read(header->value, &parent) &&
            (parent.flags & TRACE_FLAG_SAMPLED))
            take_link(notes, item, &parent);
    }
}

void batch_trace_begin(struct batch_trace *notes, const struct batch *batch, double at)
{
    if (!notes)
        return;
    struct trace *trace = &notes->trace;
    take_commands(notes, batch);
    notes->active = trace->link_count > 0;
    if (!notes->active)
        return;
    trace->began_ns = clock_wall_ms() * 1000000;
    notes->clock_began_ns = nanoseconds(at);
    trace->stage_count = trace->stages_left_out = 0;
}

void batch_trace_stage(struct batch_trace *notes, enum batch_stage stage, double began, double ended, bool failed)
{
    if (!notes || !notes->active)
        return;
    struct trace *trace = &notes->trace;
    if (trace->stage_count == TRACE_STAGES) {
        trace->stages_left_out++;
        return;
    }
    trace->stages[trace->stage_count++] =
        (struct trace_stage){stage, failed, wall_time(notes, began), wall_time(notes, ended)};
}

/* Commands that were put off meanwhile, or revoked, are those of other batches. */
static void take_answered(struct batch_trace *notes, const struct batch *batch)
{
    take_commands(notes, batch);
    for (uint32_t i = 0; i < batch->count; i++)
        if (item_is_ours(&batch->items[i]))
            notes->trace.outcomes[batch->items[i].outcome]++;
}

void batch_trace_end(struct batch_trace *notes, const struct batch *batch, enum trace_end end, double at)
{
    if (!notes || !notes->active)
        return;
    struct trace *trace = &notes->trace;
    notes->active = false;
    trace->end = end;
    trace->ended_ns = wall_time(notes, at);
    memset(trace->outcomes, 0, sizeof(trace->outcomes));
    if (end == TRACE_COMMITTED)
        take_answered(notes, batch);
    if (trace->link_count > 0)
        tracing_put(notes->tracing, trace);
}
