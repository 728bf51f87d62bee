#include "worker/definitions/definitions_import.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "worker/model/batch.h"

/* A node for each byte at worst, and the text. */
#define SCRATCH_BYTES(length) ((length) * (sizeof(struct json_node) + 2) + (1 << 16))

/* A parsed text and the bytes that it came from, since parsing changes its copy. The positions of nodes are valid in
 * both. */
struct source {
    struct span bytes;
    struct arena arena;
    struct json_document document;
};

static bool source_open(struct source *source, struct span bytes, const char *what, char *error, size_t error_size)
{
    struct json_fault fault = {JSON_OK, 0};
    source->bytes = bytes;
    if (arena_open(&source->arena, SCRATCH_BYTES(bytes.length)) != 0) {
        source->arena.base = NULL;
        snprintf(error, error_size, "out of memory");
        return false;
    }
    struct json_parser *parser = json_parser_new(bytes.length);
    char *text = arena_alloc(&source->arena, bytes.length + JSON_PADDING);
    memcpy(text, bytes.at, bytes.length);
    bool ok = parser &&
              json_parse(parser, text, bytes.length, CUSTOM_FIELDS_DEPTH, &source->arena, &source->document, &fault);
    if (!ok)
        snprintf(error, error_size, "%s: %s", what, parser ? json_fault_text(fault.code) : "out of memory");
    if (parser)
        json_parser_free(parser);
    return ok;
}

static void source_close(struct source *source)
{
    if (source->arena.base)
        arena_close(&source->arena);
}

static bool is_type(const struct source *source, uint32_t node, enum json_type type)
{
    return source->document.nodes[node].type == type;
}

/* The node of the response's list: the root, or its member data. False if there is none. */
static bool source_list(const struct source *source, uint32_t *list, const char *what, char *error, size_t error_size)
{
    *list = is_type(source, 0, NODE_OBJECT) ? json_member(&source->document, 0, SPAN("data")) : 0;
    if (is_type(source, *list, NODE_ARRAY))
        return true;
    snprintf(error, error_size, "%s: expected {\"data\": [...]} or an array", what);
    return false;
}

/* The object in the list whose member "key" is `key`; 0 if there is none. */
static uint32_t source_field(const struct source *source, uint32_t list, struct span key)
{
    const struct json_node *nodes = source->document.nodes;
    for (uint32_t node = list + 1; node < nodes[list].next; node = nodes[node].next) {
        uint32_t name = is_type(source, node, NODE_OBJECT) ? json_member(&source->document, node, SPAN("key")) : 0;
        if (name && is_type(source, name, NODE_STRING) && span_equal(json_text(&source->document, name), key))
            return node;
    }
    return 0;
}

/* The original bytes of an array, an object or null. */
static struct span source_bytes(const struct source *source, uint32_t node)
{
    return span_of(source->bytes.at + source->document.nodes[node].at, source->document.nodes[node].length);
}

static char *join(const struct span *parts, size_t count, size_t *length)
{
    *length = 0;
    for (size_t i = 0; i < count; i++)
        *length += parts[i].length;
    char *joined = malloc(*length + 1), *end = joined;
    for (size_t i = 0; joined && i < count; i++) {
        memcpy(end, parts[i].at, parts[i].length);
        end += parts[i].length;
    }
    return joined;
}

/* `from`, with its part `old` replaced. */
static char *replace(struct span from, struct span old, struct span with, size_t *length)
{
    size_t at = (size_t)(old.at - from.at);
    const struct span parts[] = {span_of(from.at, at), with, span_from(from, at + old.length)};
    return join(parts, 3, length);
}

static char *insert(struct span fields, struct span object, struct span options, size_t *length)
{
    size_t at = (size_t)(object.at - fields.at) + object.length - 1; /* before its closing brace */
    const struct span parts[] = {span_of(fields.at, at), SPAN(", \"options\": "), options, span_from(fields, at)};
    return join(parts, 4, length);
}

static char *merge(const struct source *fields, uint32_t field, struct span options, size_t *length, char *error,
                   size_t error_size)
{
    uint32_t old = json_member(&fields->document, field, SPAN("options"));
    if (old && !is_type(fields, old, NODE_ARRAY) && !is_type(fields, old, NODE_NULL)) {
        snprintf(error, error_size, "the field's options are not an array");
        return NULL;
    }
    char *merged = old ? replace(fields->bytes, source_bytes(fields, old), options, length)
                       : insert(fields->bytes, source_bytes(fields, field), options, length);
    if (!merged)
        snprintf(error, error_size, "out of memory");
    return merged;
}

char *definitions_import_options(struct span fields, struct span key, struct span options, size_t *length, char *error,
                                 size_t error_size)
{
    struct source field_source = {0}, option_source = {0};
    uint32_t field_list, option_list, field;
    char *merged = NULL;
    if (!source_open(&field_source, fields, "the fields", error, error_size) ||
        !source_list(&field_source, &field_list, "the fields", error, error_size) ||
        !source_open(&option_source, options, "the options", error, error_size) ||
        !source_list(&option_source, &option_list, "the options", error, error_size))
        goto out;
    field = source_field(&field_source, field_list, key);
    if (field)
        merged = merge(&field_source, field, source_bytes(&option_source, option_list), length, error, error_size);
    else
        snprintf(error, error_size, "no field has the key %.*s", SPAN_FORMAT(key));
out:
    source_close(&field_source);
    source_close(&option_source);
    return merged;
}
