#include "worker/tracing/otlp.h"

#include <stdlib.h>

#include "common/hexadecimal.h"
#include "common/json_writer.h"

#define SCHEMA "https://opentelemetry.io/schemas/1.44.0"

/* opentelemetry.proto.trace.v1: enum SpanKind, enum StatusCode, enum SpanFlags */
enum { KIND_INTERNAL = 1, KIND_CLIENT = 3, KIND_CONSUMER = 5 };
enum { STATUS_ERROR = 2 };
enum { FLAGS_HAS_IS_REMOTE = 0x100, FLAGS_IS_REMOTE = 0x200 };

struct span_ids {
    unsigned char trace[TRACE_ID_BYTES];
    unsigned char batch[SPAN_ID_BYTES], stage[SPAN_ID_BYTES];
};

static const struct span stage_names[BATCH_STAGES] = {
    [STAGE_DECODE] = {"decode", 6}, [STAGE_DEFINITIONS] = {"definitions", 11}, [STAGE_CHECK] = {"check", 5},
    [STAGE_CLAIM] = {"claim", 5},   [STAGE_COMPOSE] = {"compose", 7},          [STAGE_COMMIT] = {"commit", 6}};

static const struct {
    struct span type, message;
} ends[] = {
    [TRACE_STOPPED] = {{"stopped", 7}, {"a stop was requested before the commit", 38}},
    [TRACE_CONSUMER_CLOSED] = {{"consumer_closed", 15}, {"the consumer failed before the commit", 37}},
};

/* An id of zeros is not valid. */
static void random_id(unsigned char *id, size_t size)
{
    unsigned char all = 0;
    while (all == 0) {
        arc4random_buf(id, size);
        for (size_t i = 0; i < size; i++)
            all |= id[i];
    }
}

/* ---- parts ---- */

/* `id` has 8 or 16 bytes. */
static void write_id(struct json_writer *out, const unsigned char *id, size_t size)
{
    unsigned char bytes[HEXADECIMAL_BYTES] = {0};
    char digits[HEXADECIMAL_DIGITS];
    memcpy(bytes, id, size);
    hexadecimal_write(bytes, digits);
    writer_literal(out, "\"");
    writer_raw(out, span_of(digits, 2 * size));
    writer_literal(out, "\"");
}

/* JSON has 64-bit integers as texts. */
static void write_long(struct json_writer *out, int64_t value)
{
    writer_literal(out, "\"");
    writer_integer(out, value);
    writer_literal(out, "\"");
}

/* A list of attributes: the first has no comma in front. */
struct attributes {
    struct json_writer *out;
    bool begun;
};

static void attribute_begin(struct attributes *list, struct span key)
{
    if (list->begun)
        writer_literal(list->out, ",");
    list->begun = true;
    writer_literal(list->out, "{\"key\":\"");
    writer_raw(list->out, key);
}

static void attribute_text(struct attributes *list, struct span key, struct span value)
{
    if (value.length == 0)
        return;
    attribute_begin(list, key);
    writer_literal(list->out, "\",\"value\":{\"stringValue\":");
    writer_string(list->out, value);
    writer_literal(list->out, "}}");
}

static void attribute_number(struct attributes *list, struct span key, int64_t value)
{
    attribute_begin(list, key);
    writer_literal(list->out, "\",\"value\":{\"intValue\":");
    write_long(list->out, value);
    writer_literal(list->out, "}}");
}

#define TEXT(key, value)   attribute_text(&list, SPAN(key), (value))
#define NUMBER(key, value) attribute_number(&list, SPAN(key), (value))

static void attribute_partition(struct attributes *list, int32_t partition)
{
    char text[16];
    const int length = snprintf(text, sizeof(text), "%d", (int)partition);
    attribute_text(list, SPAN("messaging.destination.partition.id"), span_of(text, (size_t)length));
}

/* What all spans of one messaging operation have. */
static void attributes_messaging(struct attributes *to, const struct otlp_source *source, const struct trace *trace,
                                 struct span name, struct span type)
{
    struct attributes list = *to;
    TEXT("messaging.system", SPAN("kafka"));
    TEXT("messaging.operation.name", name);
    TEXT("messaging.operation.type", type);
    TEXT("messaging.destination.name", source->topic);
    TEXT("messaging.consumer.group.name", source->group);
    if (trace->partition >= 0)
        attribute_partition(&list, trace->partition);
    if (trace->commands > 1)
        NUMBER("messaging.batch.message_count", trace->commands);
    else
        NUMBER("messaging.kafka.offset", trace->offset);
    *to = list;
}

static void write_span_begin(struct json_writer *out, const struct span_ids *ids, const unsigned char *parent,
                             const unsigned char *id)
{
    writer_literal(out, "{\"traceId\":");
    write_id(out, ids->trace, TRACE_ID_BYTES);
    writer_literal(out, ",\"spanId\":");
    write_id(out, id, SPAN_ID_BYTES);
    if (parent) {
        writer_literal(out, ",\"parentSpanId\":");
        write_id(out, parent, SPAN_ID_BYTES);
    }
    writer_literal(out, ",\"flags\":");
    writer_integer(out, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM | FLAGS_HAS_IS_REMOTE);
}

static void write_times(struct json_writer *out, int kind, int64_t began_ns, int64_t ended_ns)
{
    writer_literal(out, ",\"kind\":");
    writer_integer(out, kind);
    writer_literal(out, ",\"startTimeUnixNano\":");
    write_long(out, began_ns);
    writer_literal(out, ",\"endTimeUnixNano\":");
    write_long(out, ended_ns);
}

/* Name and topic, as the conventions want them. */
static void write_operation(struct json_writer *out, struct span operation, const struct otlp_source *source)
{
    writer_literal(out, ",\"name\":\"");
    writer_raw(out, operation);
    writer_literal(out, " ");
    writer_raw(out, source->topic);
    writer_literal(out, "\"");
}

static void write_failure(struct json_writer *out, struct span message)
{
    writer_literal(out, ",\"status\":{\"code\":");
    writer_integer(out, STATUS_ERROR);
    writer_literal(out, ",\"message\":");
    writer_string(out, message);
    writer_literal(out, "}");
}

/* ---- spans ---- */

static void write_link(struct json_writer *out, const struct trace *trace, const struct trace_link *link)
{
    struct attributes list = {out, false};
    writer_literal(out, "{\"traceId\":");
    write_id(out, link->parent.trace, TRACE_ID_BYTES);
    writer_literal(out, ",\"spanId\":");
    write_id(out, link->parent.span, SPAN_ID_BYTES);
    if (link->state.length > 0) {
        writer_literal(out, ",\"traceState\":");
        writer_string(out, link->state);
    }
    writer_literal(out, ",\"flags\":");
    writer_integer(out, link->parent.flags | FLAGS_HAS_IS_REMOTE | FLAGS_IS_REMOTE);
    /* Attributes that all commands share are the span's. */
    if (trace->commands > 1) {
        writer_literal(out, ",\"attributes\":[");
        if (trace->partition < 0)
            attribute_partition(&list, link->partition);
        NUMBER("messaging.kafka.offset", link->offset);
        writer_literal(out, "]");
    }
    writer_literal(out, "}");
}

static void write_links(struct json_writer *out, const struct trace *trace)
{
    writer_literal(out, ",\"links\":[");
    for (uint32_t i = 0; i < trace->link_count; i++) {
        if (i > 0)
            writer_literal(out, ",");
        write_link(out, trace, &trace->links[i]);
    }
    writer_literal(out, "]");
    if (trace->links_left_out > 0) {
        writer_literal(out, ",\"droppedLinksCount\":");
        writer_integer(out, trace->links_left_out);
    }
}

static void write_batch(struct json_writer *out, const struct otlp_source *source, const struct trace *trace,
                        const struct span_ids *ids)
{
    struct attributes list = {out, false};
    write_span_begin(out, ids, NULL, ids->batch);
    write_operation(out, SPAN("process"), source);
    write_times(out, KIND_CONSUMER, trace->began_ns, trace->ended_ns);
    writer_literal(out, ",\"attributes\":[");
    attributes_messaging(&list, source, trace, SPAN("process"), SPAN("process"));
    NUMBER("client_intake.thread", trace->thread);
    if (trace->end == TRACE_COMMITTED) {
        NUMBER("client_intake.commands.created", trace->outcomes[OUTCOME_CREATED]);
        NUMBER("client_intake.commands.duplicate", trace->outcomes[OUTCOME_DUPLICATE]);
        NUMBER("client_intake.commands.rejected", trace->outcomes[OUTCOME_REJECTED]);
    } else {
        TEXT("error.type", ends[trace->end].type);
    }
    if (trace->stages_left_out > 0)
        NUMBER("client_intake.stages.left_out", trace->stages_left_out);
    writer_literal(out, "]");
    write_links(out, trace);
    if (trace->end != TRACE_COMMITTED)
        write_failure(out, ends[trace->end].message);
    writer_literal(out, "}");
}

/* The commit settles the commands: it sends their replies, too. */
static void write_stage(struct json_writer *out, const struct otlp_source *source, const struct trace *trace,
                        const struct trace_stage *stage, const struct span_ids *ids)
{
    struct attributes list = {out, false};
    const bool settles = stage->stage == STAGE_COMMIT;
    writer_literal(out, ",");
    write_span_begin(out, ids, ids->batch, ids->stage);
    if (settles) {
        write_operation(out, SPAN("commit"), source);
    } else {
        writer_literal(out, ",\"name\":");
        writer_string(out, stage_names[stage->stage]);
    }
    write_times(out, settles ? KIND_CLIENT : KIND_INTERNAL, stage->began_ns, stage->ended_ns);
    writer_literal(out, ",\"attributes\":[");
    if (settles)
        attributes_messaging(&list, source, trace, SPAN("commit"), SPAN("settle"));
    else
        TEXT("client_intake.stage", stage_names[stage->stage]);
    if (stage->failed)
        TEXT("error.type", SPAN("not_completed"));
    writer_literal(out, "]");
    if (stage->failed)
        write_failure(out, SPAN("the batch is evaluated again, or ends here"));
    writer_literal(out, "}");
}

static void write_trace(struct json_writer *out, const struct otlp_source *source, const struct trace *trace)
{
    struct span_ids ids;
    random_id(ids.trace, sizeof(ids.trace));
    random_id(ids.batch, sizeof(ids.batch));
    write_batch(out, source, trace, &ids);
    for (uint32_t i = 0; i < trace->stage_count; i++) {
        random_id(ids.stage, sizeof(ids.stage));
        write_stage(out, source, trace, &trace->stages[i], &ids);
    }
}

static void write_resource(struct json_writer *out, const struct otlp_source *source)
{
    struct attributes list = {out, false};
    writer_literal(out, "{\"resource\":{\"attributes\":[");
    TEXT("service.name", source->service);
    TEXT("service.version", SPAN(CLIENT_INTAKE_VERSION));
    TEXT("service.instance.id", source->instance);
    TEXT("host.name", source->host);
    NUMBER("process.pid", source->process);
    writer_literal(out, "]}");
}

struct span otlp_request(struct arena *arena, const struct otlp_source *source, struct trace *const *traces,
                         size_t count)
{
    struct json_writer out;
    writer_open(&out, arena);
    writer_literal(&out, "{\"resourceSpans\":[");
    write_resource(&out, source);
    writer_literal(&out, ",\"scopeSpans\":[{\"scope\":{\"name\":\"client-intake\",\"version\":\"" CLIENT_INTAKE_VERSION
                         "\"},\"spans\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            writer_literal(&out, ",");
        write_trace(&out, source, traces[i]);
    }
    writer_literal(&out, "],\"schemaUrl\":\"" SCHEMA "\"}],\"schemaUrl\":\"" SCHEMA "\"}]}");
    return writer_close(&out);
}
