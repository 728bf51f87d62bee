/* A command from bytes to reply. The input is two bytes that select config, definitions and headers; for each
 * selected header a byte with its value's length, and the value; then the command's value. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_writer.h"
#include "tests/fuzz/fuzz.h"
#include "worker/validate/evaluate.h"
#include "worker/validate/reply.h"
#include "worker/validate/reply_address.h"

#define ARENA_BYTES   ((size_t)256 << 20)
#define HEADERS       10
#define NAMES         2 /* of `taken`; the first are people's names */
#define COMMAND_BYTES (1 << 20)

enum choice { CHOOSE_RULES = 1, CHOOSE_NO_DEFINITIONS = 2, CHOOSE_CONFIG = 4, CHOOSE_KEY = 8, CHOOSE_STRUCTURED = 16 };

static const char every_type[] =
    "[{\"key\":\"services\",\"type\":\"multiSelect\",\"options\":[{\"key\":\"fileSharing\"},{\"key\":\"metrics\"}]},"
    "{\"key\":\"pronouns\",\"type\":\"text\"},{\"key\":\"phoneNumber\",\"type\":\"phoneNumber\"},"
    "{\"key\":\"address\",\"type\":\"address\"},{\"key\":\"n\",\"type\":\"number\"},{\"key\":\"e\",\"type\":\"email\"},"
    "{\"key\":\"u\",\"type\":\"url\"}]";

static const char every_rule[] =
    "[{\"key\":\"services\",\"type\":\"multiSelect\",\"rules\":{\"minSelected\":1,\"maxSelected\":1},"
    "\"options\":[{\"key\":\"fileSharing\"},{\"key\":\"metrics\"}]},"
    "{\"key\":\"pronouns\",\"type\":\"text\",\"rules\":{\"required\":true,\"minLength\":2,\"maxLength\":20}},"
    "{\"key\":\"phoneNumber\",\"type\":\"phoneNumber\",\"rules\":{\"phone\":\"assigned\",\"countries\":[\"US\"]}},"
    "{\"key\":\"address\",\"type\":\"address\",\"rules\":{\"countries\":[\"US\",\"GB\"]}},"
    "{\"key\":\"n\",\"type\":\"number\",\"rules\":{\"integer\":true,\"minimum\":-5,\"maximum\":1e6}},"
    "{\"key\":\"e\",\"type\":\"email\",\"rules\":{\"maxLength\":40}},"
    "{\"key\":\"u\",\"type\":\"url\",\"rules\":{\"maxLength\":60}}]";

/* Shared by all inputs. */
struct bench {
    struct config *configs[2];
    struct definitions *definitions[2];
    struct arena arenas[3];
};

static const struct bench *bench_open(void)
{
    static const char *const strict[] = {"limits.command_bytes=1048576", NULL};
    static const char *const lax[] = {"limits.command_bytes=2048", "validation.unknown_attributes=ignore",
                                      "validation.phone=possible", "commands.workspace=configured",
                                      "replies.allowed=elsewhere", NULL};
    static struct bench bench;
    if (bench.configs[0])
        return &bench;
    bench.configs[0] = config_read(&(struct config_sources){.settings = strict});
    bench.configs[1] = config_read(&(struct config_sources){.settings = lax});
    bench.definitions[0] = definitions_compile(span_of_text(every_type), NULL);
    bench.definitions[1] = definitions_compile(span_of_text(every_rule), NULL);
    bool opened = bench.configs[0] && bench.configs[1] && bench.definitions[0] && bench.definitions[1];
    for (size_t i = 0; i < sizeof(bench.arenas) / sizeof(bench.arenas[0]); i++)
        opened &= arena_open(&bench.arenas[i], ARENA_BYTES) == 0;
    if (!opened)
        fuzz_fail("config and definitions were not taken");
    return &bench;
}

/* A message and the context of its evaluation. */
struct message {
    struct evaluation evaluate;
    struct span key, value;
    struct header headers[HEADERS];
    uint32_t header_count;
    struct arena *arena;
    struct item item;
};

static void evaluate(void *subject)
{
    struct message *message = subject;
    struct item *item = &message->item;
    arena_reset(message->arena, 0);
    *item = (struct item){.from = {.topic = "clients.commands", .partition = 3, .offset = 17, .timestamp_ms = 1},
                          .key = message->key,
                          .value = message->value,
                          .headers = message->headers,
                          .header_count = message->header_count};
    evaluate_item(&message->evaluate, item, message->arena);
}

/* Removes a part of the given length from the front of *data. */
static struct span take(struct span *data)
{
    if (data->length == 0)
        return *data;
    size_t length = (unsigned char)data->at[0];
    *data = span_from(*data, 1);
    if (length > data->length)
        length = data->length;
    const struct span part = span_of(data->at, length);
    *data = span_from(*data, length);
    return part;
}

static void take_headers(struct message *message, struct span *data, uint8_t choice)
{
    static const char *const names[] = {"command-id", "ce_id",        "workspace-id", "ce_workspaceid",
                                        "ce_type",    "content-type", "reply-topic",  "kafka_replyPartition"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (choice >> i & 1)
            message->headers[message->header_count++] = (struct header){span_of_text(names[i]), take(data)};
}

/* jansson reads the reply; it shares nothing with the code that wrote it. */
static void expect_reply(const struct message *message)
{
    const struct item *item = &message->item;
    struct header headers[REPLY_HEADERS];
    if (item->outcome != OUTCOME_CREATED && item->outcome != OUTCOME_REJECTED)
        fuzz_fail("undecided");
    if (reply_headers(item, message->evaluate.config, headers) > REPLY_HEADERS)
        fuzz_fail("too many headers");
    if (item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error))
        dead_letter_headers(item, message->arena, headers);
    const struct reply_address address = reply_address(item, message->evaluate.config);
    if ((address.absence == REPLY_AS_ASKED) != (address.topic.at != NULL) || reply_address_partition(&address, 6) > 5)
        fuzz_fail("no reply topic, or none of its partitions");

    fuzz_expect_json(item->reply);
    if (item->outcome == OUTCOME_REJECTED)
        fuzz_expect_visible(item->error_message);
    json_error_t error;
    json_t *reply = json_loadb(item->reply.at, item->reply.length, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    const json_t *errors = json_object_get(json_object_get(reply, "error"), "errors");
    const size_t count = json_array_size(errors);
    if (count > 100)
        fuzz_fail("%zu errors are listed", count);
    if (item->outcome == OUTCOME_CREATED && !json_is_object(json_object_get(reply, "client")))
        fuzz_fail("created, but no client: %.*s", SPAN_FORMAT(item->reply));
    if (item->outcome == OUTCOME_REJECTED && !json_is_string(json_object_get(json_object_get(reply, "error"), "code")))
        fuzz_fail("rejected, but no code: %.*s", SPAN_FORMAT(item->reply));
    if (item->error == ERROR_VALIDATION_FAILED)
        fuzz_expect_violations(item);
    json_decref(reply);
}

/* jansson must agree about the value: it is JSON exactly if it is not called malformed. */
static void expect_same_reading(const struct message *message)
{
    const struct item *item = &message->item;
    const struct span value = message->value;
    if (item->error == ERROR_TOO_LARGE || value.length == 0)
        return;
    json_error_t error;
    json_t *read =
        json_loadb(value.at, value.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (item->error != ERROR_MALFORMED_JSON) {
        /* Two limits that only jansson has. */
        const enum json_error_code code = read ? json_error_unknown : json_error_code(&error);
        if (!read && code != json_error_numeric_overflow && code != json_error_null_byte_in_key)
            fuzz_fail("taken, but not JSON: %s", error.text);
    } else if (json_is_object(read)) {
        const struct span ours[] = {span_of_text(json_fault_text(JSON_DEPTH)), SPAN("the CloudEvent's data")};
        /* jansson 2.14 loses a NUL after a number. */
        if (!span_begins_with(item->error_message, ours[0]) && !span_begins_with(item->error_message, ours[1]) &&
            !memchr(value.at, 0, value.length))
            fuzz_fail("JSON, but refused: %.*s", SPAN_FORMAT(item->error_message));
    }
    json_decref(read);
}

/* The members of a record that a command can have too. */
static const struct span taken[] = {{"givenName", 9}, {"familyName", 10}, {"email", 5},
                                    {"companyId", 9}, {"companyIds", 10}, {"customFields", 12}};

/* The index in `taken`, or beyond it. */
static size_t taken_find(struct span name)
{
    size_t i = 0;
    while (i < sizeof(taken) / sizeof(taken[0]) && !span_equal(name, taken[i]))
        i++;
    return i;
}

/* A client as a command, from its members as they are in its record. */
static struct span command_of_record(struct span record, struct arena *arena)
{
    /* The positions; parsing changes the text, so it works on a copy. */
    char *text = arena_alloc(arena, record.length + JSON_PADDING);
    memcpy(text, record.at, record.length);
    struct json_document document;
    struct json_fault fault;
    if (!json_parse(fuzz_parser(), text, record.length, CUSTOM_FIELDS_DEPTH + 1, arena, &document, &fault))
        fuzz_fail("the record is no JSON");

    struct json_writer writer;
    writer_open(&writer, arena);
    if (memmem(record.at, record.length, "\"status\":\"invited\"", 18))
        writer_literal(&writer, "{\"sendInvite\":true");
    else
        writer_literal(&writer, "{\"sendInvite\":null");
    const struct json_node *nodes = document.nodes;
    for (uint32_t node = 1; node < nodes[0].next; node = nodes[node].next) {
        const size_t which = taken_find(json_name(&document, node));
        if (which == sizeof(taken) / sizeof(taken[0]))
            continue;
        const uint32_t behind = nodes[node].next;
        const char *end =
            behind < nodes[0].next ? record.at + nodes[behind].name_at - 2 : record.at + record.length - 1;
        const char *begin = record.at + nodes[node].name_at - 1, *value = record.at + nodes[node].at - 1;
        if (which < NAMES)
            fuzz_expect_composed(span_of(value, (size_t)(end - value)));
        writer_literal(&writer, ",");
        writer_raw(&writer, span_of(begin, (size_t)(end - begin)));
    }
    writer_literal(&writer, "}");
    return writer_close(&writer);
}

/* Idempotence: the client, given as a command of the same id, is the same client. */
static void expect_stable(const struct message *message, struct arena *arena)
{
    const struct item *item = &message->item;
    arena_reset(arena, 0);
    struct message again = {
        .evaluate = message->evaluate,
        .value = command_of_record(item->record, arena),
        .headers = {{SPAN("command-id"), item->command_id}, {SPAN("workspace-id"), item->workspace}},
        .header_count = 2};
    if (again.value.length > (size_t)again.evaluate.config->limits.command_bytes)
        return;
    static struct arena evaluating;
    if (!evaluating.base && arena_open(&evaluating, ARENA_BYTES) != 0)
        fuzz_fail("out of memory");
    again.arena = &evaluating;
    evaluate(&again);
    if (again.item.outcome != OUTCOME_CREATED || !span_equal(again.item.record, item->record))
        fuzz_fail("once: %.*s\ntwice: %.*s", SPAN_FORMAT(item->record), SPAN_FORMAT(again.item.reply));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const struct bench *bench = bench_open();
    struct arena arenas[2] = {bench->arenas[0], bench->arenas[1]};
    if (size < 2 || size > COMMAND_BYTES)
        return 0;
    struct span data = span_of((const char *)input + 2, size - 2);
    const uint8_t choice = input[0];

    struct message message = {.arena = &arenas[0]};
    message.evaluate = (struct evaluation){.config = bench->configs[(choice & CHOOSE_CONFIG) != 0],
                                           .definitions = bench->definitions[(choice & CHOOSE_RULES) != 0],
                                           .parser = fuzz_parser()};
    if (choice & CHOOSE_NO_DEFINITIONS) {
        message.evaluate.definitions = NULL;
        message.evaluate.definitions_broken = choice & CHOOSE_RULES;
    }
    message.key = choice & CHOOSE_KEY ? take(&data) : SPAN_NONE;
    take_headers(&message, &data, input[1]);
    if (choice & CHOOSE_STRUCTURED)
        message.headers[message.header_count++] =
            (struct header){SPAN("content-type"), SPAN("application/cloudevents+json; charset=utf-8")};
    message.value = fuzz_expand((const uint8_t *)data.at, data.length);

    fuzz_timed(message.value.length, evaluate, &message);
    expect_reply(&message);
    expect_same_reading(&message);

    struct message again = message;
    again.arena = &arenas[1];
    arena_reset(again.arena, 0);
    fuzz_soil(again.arena, message.value.length, 0xA5);
    evaluate(&again);
    if (!span_equal(again.item.reply, message.item.reply))
        fuzz_fail("once: %.*s\nagain: %.*s", SPAN_FORMAT(message.item.reply), SPAN_FORMAT(again.item.reply));
    if (message.item.outcome == OUTCOME_CREATED) {
        struct arena scratch = bench->arenas[2];
        expect_stable(&message, &scratch);
    }
    free((char *)(uintptr_t)message.value.at);
    return 0;
}
