#include "worker/replay/outcome.h"

#include <string.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* the functions with the widest instructions that the processor has; others use SSE2 */
#endif

#include "common/json_writer.h"

#define REPLY_DEPTH 32 /* a reply holds a client, which is less deep than its command */

struct outcome_digest outcome_digest_of(struct span content)
{
    XXH128_canonical_t canonical;
    struct outcome_digest digest;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(content.at, content.length));
    memcpy(digest.bytes, canonical.digest, sizeof(digest.bytes));
    return digest;
}

/* ---- A pair of path and code ---- */

static void pair_write(struct json_writer *writer, bool is_first, struct span path, struct span code)
{
    if (!is_first)
        writer_literal(writer, ",");
    writer_literal(writer, "[");
    writer_string(writer, path);
    writer_literal(writer, ",");
    writer_string(writer, code);
    writer_literal(writer, "]");
}

struct span error_pairs_write(const struct item *item, struct arena *arena)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_literal(&writer, "[");
    if (item->error == ERROR_VALIDATION_FAILED)
        for (const struct violation *violation = item->violations; violation; violation = violation->next)
            pair_write(&writer, violation == item->violations, violation->path,
                       span_of_text(error_row(violation->code)->code));
    writer_literal(&writer, "]");
    return writer_close(&writer);
}

struct span item_content(const struct item *item, struct arena *arena)
{
    return item->outcome == OUTCOME_REJECTED ? error_pairs_write(item, arena) : item->record;
}

/* ---- A recorded reply ---- */

struct reading {
    const struct json_document *document;
    const char *raw; /* the unchanged text; the document's strings are decoded in place */
};

/* The member as it stands in the text; at == NULL unless it is of this type. */
static struct span member_raw(const struct reading *reading, uint32_t object, struct span name, enum json_type type)
{
    const uint32_t node = json_member(reading->document, object, name);
    if (node == 0 || reading->document->nodes[node].type != type)
        return SPAN_NONE;
    return span_of(reading->raw + reading->document->nodes[node].at, reading->document->nodes[node].length);
}

static struct span member_string(const struct reading *reading, uint32_t object, struct span name)
{
    const uint32_t node = json_member(reading->document, object, name);
    if (node == 0 || reading->document->nodes[node].type != NODE_STRING)
        return SPAN_NONE;
    return json_text(reading->document, node);
}

/* A number from 0 to `most`, without sign, fraction and exponent. */
static bool member_number(const struct reading *reading, uint32_t object, struct span name, int64_t most,
                          int64_t *number)
{
    struct span digits = member_raw(reading, object, name, NODE_NUMBER);
    int64_t sum = 0;
    if (!digits.at || digits.length == 0 || digits.length > 19)
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        const char digit = digits.at[i];
        if (digit < '0' || digit > '9' || sum > (most - (digit - '0')) / 10)
            return false;
        sum = 10 * sum + (digit - '0');
    }
    *number = sum;
    return true;
}

static uint32_t member_object(const struct reading *reading, uint32_t object, struct span name)
{
    const uint32_t node = json_member(reading->document, object, name);
    return node != 0 && reading->document->nodes[node].type == NODE_OBJECT ? node : 0;
}

static bool source_read(const struct reading *reading, struct reply_content *content)
{
    const uint32_t source = member_object(reading, 0, SPAN("source"));
    int64_t partition;
    if (source == 0 || !member_number(reading, source, SPAN("partition"), INT32_MAX, &partition) ||
        !member_number(reading, source, SPAN("offset"), INT64_MAX, &content->offset))
        return false;
    content->partition = (int32_t)partition;
    content->topic = member_string(reading, source, SPAN("topic"));
    return content->topic.at != NULL;
}

static enum error error_of_code(struct span code)
{
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++)
        if (span_equal(code, span_of_text(error_row(error)->code)))
            return error;
    return ERROR_NONE;
}

/* False if an element of the list has no path or code. A code that this version does not know is compared as any
 * other. */
static bool pairs_read(const struct reading *reading, uint32_t list, struct arena *arena, struct span *pairs)
{
    const struct json_node *nodes = reading->document->nodes;
    struct json_writer writer;
    bool is_well = true;
    writer_open(&writer, arena);
    writer_literal(&writer, "[");
    for (uint32_t node = list + 1; list != 0 && node < nodes[list].next; node = nodes[node].next) {
        struct span path = SPAN_NONE, code = SPAN_NONE;
        if (nodes[node].type == NODE_OBJECT) {
            path = member_string(reading, node, SPAN("path"));
            code = member_string(reading, node, SPAN("code"));
        }
        is_well = is_well && path.at && code.at;
        if (is_well)
            pair_write(&writer, node == list + 1, path, code);
    }
    writer_literal(&writer, "]");
    *pairs = writer_close(&writer);
    return is_well;
}

static bool error_read(const struct reading *reading, struct arena *arena, struct reply_content *content)
{
    const uint32_t error = member_object(reading, 0, SPAN("error"));
    if (error == 0)
        return false;
    content->error = error_of_code(member_string(reading, error, SPAN("code")));
    if (content->error == ERROR_NONE || error_row(content->error)->scope != ERROR_SCOPE_COMMAND)
        return false;
    uint32_t list = json_member(reading->document, error, SPAN("errors"));
    if (list != 0 && reading->document->nodes[list].type != NODE_ARRAY)
        return false;
    content->is_whole = list != 0 || content->error != ERROR_VALIDATION_FAILED;
    content->is_refused_client =
        content->error == ERROR_TOO_LARGE &&
        span_begins_with(member_string(reading, error, SPAN("message")), SPAN("the client does not fit"));
    return pairs_read(reading, content->error == ERROR_VALIDATION_FAILED ? list : 0, arena, &content->content);
}

bool reply_content_read(struct span value, struct json_parser *parser, struct arena *arena,
                        struct reply_content *content)
{
    struct json_document document;
    struct json_fault fault;
    *content = (struct reply_content){.is_whole = true};
    if (!value.at || value.length > UINT32_MAX)
        return false;
    char *text = arena_alloc(arena, value.length + JSON_PADDING);
    memcpy(text, value.at, value.length);
    if (!json_parse(parser, text, value.length, REPLY_DEPTH, arena, &document, &fault) ||
        document.nodes[0].type != NODE_OBJECT)
        return false;
    const struct reading reading = {&document, value.at};
    const struct span type = member_string(&reading, 0, SPAN("type"));
    content->version = member_string(&reading, 0, SPAN("definitions"));
    if (!source_read(&reading, content))
        return false;
    if (span_equal(type, SPAN("client.created"))) {
        content->kind = RECORDED_CREATED;
        content->content = member_raw(&reading, 0, SPAN("client"), NODE_OBJECT);
        return content->content.at != NULL;
    }
    content->kind = RECORDED_REJECTED;
    return span_equal(type, SPAN("client.rejected")) && error_read(&reading, arena, content);
}
