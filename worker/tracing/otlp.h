/* otlp: traces as a request of OTLP/HTTP, in its JSON encoding: an ExportTraceServiceRequest of
 * opentelemetry.proto.collector.trace.v1. Names and attributes are those of OpenTelemetry's semantic
 * conventions 1.44.0, docs/messaging; the request says so by its schemaUrl.
 *
 * A batch is a span "process TOPIC", with links to the sampled parents of its commands, and a child for each stage. */
#ifndef WORKER_TRACING_OTLP_H
#define WORKER_TRACING_OTLP_H

#include "common/arena.h"
#include "worker/tracing/trace.h"

#define OTLP_TEXT_BYTES 255 /* longest value of an attribute that the config names */

/* Whose spans they are. Texts are UTF-8; one that is empty is left out. */
struct otlp_source {
    struct span service;  /* service.name */
    struct span instance; /* service.instance.id */
    struct span host;     /* host.name */
    int64_t process;      /* process.pid */
    struct span topic;    /* of the commands */
    struct span group;    /* of the consumer */
};

/* The request, in the arena, with new random ids. It takes at most OTLP_REQUEST_BYTES if the traces have
 * OTLP_TRACES_BYTES together, and one more. */
struct span otlp_request(struct arena *arena, const struct otlp_source *source, struct trace *const *traces,
                         size_t count);

#endif
