/* trace_context: the headers `traceparent` and `tracestate` (W3C Trace Context, level 2) of a command. Strangers write
 * them, so they are read strictly: what does not follow the grammar counts as absent. */
#ifndef WORKER_TRACING_TRACE_CONTEXT_H
#define WORKER_TRACING_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define TRACE_ID_BYTES    16
#define SPAN_ID_BYTES     8
#define TRACE_STATE_BYTES 512 /* the longest tracestate that is kept; the specification asks for as much */

/* Trace flags. The other six bits have no meaning yet. */
#define TRACE_FLAG_SAMPLED 0x01
#define TRACE_FLAG_RANDOM  0x02

struct trace_context {
    unsigned char trace[TRACE_ID_BYTES];
    unsigned char span[SPAN_ID_BYTES];
    uint8_t flags; /* TRACE_FLAG_* */
};

/* Reads the value of a header `traceparent`. False if it is not valid: another form, upper-case digits, an id of
 * zeros, version ff, or something behind the flags of version 00. */
MUST_CHECK bool trace_context_read(struct span text, struct trace_context *context);

/* True if the value of a header `tracestate` is valid, not empty and not longer than TRACE_STATE_BYTES. */
MUST_CHECK bool trace_state_is_valid(struct span text);

#endif
