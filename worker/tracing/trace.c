#include "worker/tracing/trace.h"

#include <stdlib.h>

struct trace *trace_copy(const struct trace *trace)
{
    size_t bytes = sizeof(*trace) + trace->link_count * sizeof(trace->links[0]);
    for (uint32_t i = 0; i < trace->link_count; i++)
        bytes += trace->links[i].state.length;
    struct trace *copy = malloc(bytes);
    if (!copy)
        return NULL;
    *copy = *trace;
    copy->bytes = bytes;
    copy->links = (struct trace_link *)(void *)(copy + 1);
    char *states = (char *)(copy->links + trace->link_count);
    for (uint32_t i = 0; i < trace->link_count; i++) {
        copy->links[i] = trace->links[i];
        copy->links[i].state.at = states;
        states = span_copy(states, trace->links[i].state);
    }
    return copy;
}
