#include "worker/validate/reply.h"

#include <assert.h>
#include <string.h>

#include "common/json_writer.h"
#include "worker/validate/definitions.h"
#include "worker/validate/record.h"
#include "worker/validate/reply_address.h"

#define NEST_HEADERS 2 /* of replies.nest, at most */

static bool client_exists(const struct item *item)
{
    return item->outcome == OUTCOME_CREATED || item->outcome == OUTCOME_DUPLICATE;
}

/* The value. */

/* The digits are those behind the topic in the text of the position. */
static char *source_copy(char *to, const struct item *item)
{
    const struct span topic = span_of_text(item->from.topic), numbers = span_from(item->position, topic.length + 1);
    size_t slash = 1;
    while (numbers.at[slash] != '/')
        slash++;
    to = span_copy_literal(to, ",\"source\":{\"topic\":");
    to = json_string_write(to, topic);
    to = span_copy_literal(to, ",\"partition\":");
    to = span_copy(to, span_of(numbers.at, slash));
    to = span_copy_literal(to, ",\"offset\":");
    to = span_copy(to, span_from(numbers, slash + 1));
    *to++ = '}';
    return to;
}

static void write_violations(struct json_writer *writer, const struct violation *violation)
{
    writer_literal(writer, ",\"errors\":[");
    for (bool first = true; violation; violation = violation->next, first = false) {
        if (!first)
            writer_literal(writer, ",");
        writer_literal(writer, "{\"path\":");
        writer_string(writer, violation->path);
        writer_literal(writer, ",\"code\":\"");
        writer_raw(writer, span_of_text(error_row(violation->code)->code));
        writer_literal(writer, "\",\"message\":");
        writer_string(writer, violation->message);
        writer_literal(writer, "}");
    }
    writer_literal(writer, "]");
}

static void write_error(struct json_writer *writer, const struct item *item)
{
    const struct error_row *row = error_row(item->error);
    writer_literal(writer, "{\"code\":\"");
    writer_raw(writer, span_of_text(row->code));
    writer_literal(writer, "\",\"message\":");
    writer_string(writer, item->error_message);
    writer_literal(writer, ",\"retryable\":");
    if (row->retryable)
        writer_literal(writer, "true");
    else
        writer_literal(writer, "false");
    if (item->error == ERROR_EMAIL_TAKEN) {
        writer_literal(writer, ",\"existingClientId\":");
        writer_string(writer, item->existing_client_id);
    }
    if (item->error == ERROR_VALIDATION_FAILED && item->reply_form == FORM_FULL)
        write_violations(writer, item->violations);
    writer_literal(writer, "}");
}

#define HEAD_BYTES 256 /* at most, of the names and constant values of a head, and of the definitions' version */

/* All that comes before the client or the error. One check for room, so that its pieces are copied without further
 * ones. */
static void write_head(struct json_writer *writer, const struct item *item, bool has_client)
{
    const size_t room = HEAD_BYTES + JSON_STRING_BYTES(item->command_id.length) + item->workspace.length +
                        JSON_STRING_BYTES(item->position.length);
    char *const begin = writer_room(writer, room), *to = begin;
    if (has_client)
        to = span_copy_literal(to, "{\"type\":\"client.created\",\"commandId\":");
    else
        to = span_copy_literal(to, "{\"type\":\"client.rejected\",\"commandId\":");
    to = json_string_write(to, item->command_id);
    if (item->workspace.at) {
        to = span_copy_literal(to, ",\"workspaceId\":\"");
        to = span_copy(to, item->workspace); /* it holds nothing that JSON escapes */
        *to++ = '"';
    }
    to = source_copy(to, item);
    if (item->definitions) {
        to = span_copy_literal(to, ",\"definitions\":\"");
        to = span_copy(to, span_of(item->definitions->version, HASH_LENGTH));
        *to++ = '"';
    }
    if (has_client)
        to = span_copy_literal(to, ",\"client\":");
    else
        to = span_copy_literal(to, ",\"error\":");
    assert((size_t)(to - begin) <= room);
    writer->to = to;
}

void reply_compose_created(struct item *item, const struct client *client, struct arena *arena)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    write_head(&writer, item, true);
    const struct span head = writer_close(&writer);
    item->record = record_compose(item, client, arena); /* right behind the head */
    *arena_room(arena, 1) = '}';
    arena->used++;
    item->created = span_of(head.at, head.length + item->record.length + 1);
}

/* True if the record is the one within `created`, not one from the index. */
static bool is_as_created(const struct item *item)
{
    return item->created.at && item->record.at + item->record.length + 1 == item->created.at + item->created.length;
}

static void compose_created(struct item *item, struct arena *arena)
{
    struct json_writer writer;
    item->reply_error = SPAN_NONE;
    if (is_as_created(item)) {
        item->reply = item->created;
        return;
    }
    writer_open(&writer, arena);
    write_head(&writer, item, true);
    writer_raw(&writer, item->record);
    writer_literal(&writer, "}");
    item->reply = writer_close(&writer);
}

static void compose_rejected(struct item *item, struct arena *arena)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    write_head(&writer, item, false);
    const size_t error_at = writer_length(&writer);
    write_error(&writer, item);
    writer_literal(&writer, "}");
    item->reply = writer_close(&writer);
    item->reply_error = span_of(item->reply.at + error_at, item->reply.length - error_at - 1);
}

void reply_compose(struct item *item, struct arena *arena)
{
    assert(item->outcome != OUTCOME_UNDECIDED && item->command_id.length > 0);
    if (client_exists(item))
        compose_created(item, arena);
    else
        compose_rejected(item, arena);
    item->composed = item->reply_form;
}

/* The headers. */

/* Those of every reply. */
static uint32_t write_plain_headers(const struct item *item, const struct config *config, struct header *headers)
{
    assert(item->outcome != OUTCOME_UNDECIDED);
    uint32_t count = 0;
    headers[count++] = (struct header){SPAN("content-type"), SPAN("application/json")};
    headers[count++] = (struct header){SPAN("ce_specversion"), SPAN("1.0")};
    headers[count++] =
        (struct header){SPAN("ce_type"), client_exists(item) ? SPAN("client.created") : SPAN("client.rejected")};
    headers[count++] = (struct header){SPAN("ce_source"), span_of_text(config->replies.source)};
    headers[count++] = (struct header){SPAN("ce_id"), item->position};
    headers[count++] = (struct header){SPAN("ce_time"), span_of(item->time, TIME_LENGTH)};
    if (client_exists(item))
        headers[count++] = (struct header){SPAN("ce_subject"), span_of(item->client_id, CLIENT_ID_LENGTH)};
    headers[count++] = (struct header){SPAN("ce_causationid"), item->command_id};
    if (item->outcome == OUTCOME_DUPLICATE)
        headers[count++] = (struct header){SPAN("duplicate"), SPAN("true")};
    return count;
}

static uint32_t write_echoes(const struct item *item, struct header *headers)
{
    static const struct span echoes[] = {SPAN("kafka_correlationId"), SPAN("correlation-id"),
                                         SPAN("REPLY_CORRELATION_ID"), SPAN("traceparent"), SPAN("tracestate")};
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
        const struct header *header = item_header(item, echoes[i]);
        if (header)
            headers[count++] = *header;
    }
    return count;
}

/* What ClientKafka of NestJS looks for: the first header completes its observable, the second one fails it. */
static uint32_t write_nest_headers(const struct item *item, const struct config *config, struct header *headers)
{
    bool goes_as_named = item->reply_absence == REPLY_AS_ASKED || item->reply_absence == REPLY_PARTITION_MISSING;
    uint32_t count = 0;
    if (config->replies.nest == NEST_OFF || !goes_as_named)
        return 0;
    headers[count++] = (struct header){SPAN("kafka_nest-is-disposed"), SPAN("\0")};
    if (config->replies.nest == NEST_ERRORS && item->reply_error.at)
        headers[count++] = (struct header){SPAN("kafka_nest-err"), item->reply_error};
    return count;
}

uint32_t reply_headers(const struct item *item, const struct config *config, struct header *headers)
{
    uint32_t count = write_plain_headers(item, config, headers);
    if (item->reply_form == FORM_FULL)
        count += write_echoes(item, headers + count);
    count += write_nest_headers(item, config, headers + count);
    assert(count <= REPLY_HEADERS);
    return count;
}

void reply_prepare(struct item *item, const struct config *config, struct arena *arena)
{
    reply_compose(item, arena);
    struct header *const headers = arena_alloc(arena, REPLY_HEADERS * sizeof(*headers));
    item->reply_headers = headers;
    item->reply_plain_count = write_plain_headers(item, config, headers);
    item->reply_echo_count = write_echoes(item, headers + item->reply_plain_count);
    const uint32_t count = item->reply_plain_count + item->reply_echo_count + NEST_HEADERS;
    assert(count <= REPLY_HEADERS);
    arena->used -= (REPLY_HEADERS - count) * sizeof(*headers);
    item->reply_key = item->key.at ? item->key : item->workspace;
    item->address = reply_address(item, config);
    reply_recompose(item, config, arena);
}

void reply_recompose(struct item *item, const struct config *config, struct arena *arena)
{
    /* Forms below FORM_FULL differ in headers and key only. */
    bool is_shorter = item->composed == FORM_FULL && item->reply_form != FORM_FULL && item->outcome == OUTCOME_REJECTED;
    if (is_shorter)
        reply_compose(item, arena);
    item->composed = item->reply_form;
    /* In a smaller form they take the place of the echoes, which no later form has. */
    uint32_t count = item->reply_plain_count + (item->reply_form == FORM_FULL ? item->reply_echo_count : 0);
    item->reply_header_count = count + write_nest_headers(item, config, item->reply_headers + count);
    if (item->reply_form >= FORM_KEYLESS)
        item->reply_key = SPAN_NONE;
}

/* Dead letters. */

uint32_t dead_letter_headers(const struct item *item, struct arena *arena, struct header *headers)
{
    assert(item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error));
    const struct position *from = &item->from;
    uint32_t count = 0;
    headers[count++] = (struct header){SPAN("dlq-topic"), span_of_text(from->topic)};
    headers[count++] = (struct header){SPAN("dlq-partition"), arena_format(arena, "%d", (int)from->partition)};
    headers[count++] = (struct header){SPAN("dlq-offset"), arena_format(arena, "%lld", (long long)from->offset)};
    headers[count++] =
        (struct header){SPAN("dlq-timestamp"), arena_format(arena, "%lld", (long long)from->timestamp_ms)};
    headers[count++] = (struct header){SPAN("dlq-code"), span_of_text(error_row(item->error)->code)};
    headers[count++] = (struct header){SPAN("dlq-message"), item->error_message};
    if (item->header_state == HEADERS_UNREADABLE)
        headers[count++] = (struct header){SPAN("dlq-lost"), SPAN("headers")};
    if (item->header_state == MESSAGE_UNREADABLE)
        headers[count++] = (struct header){SPAN("dlq-lost"), SPAN("key, value, headers")};
    return count;
}
