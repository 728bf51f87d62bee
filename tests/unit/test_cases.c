/* Runs every case of tests/cases through decode, check and reply. */
#include "tests/unit/case_file.h"

#include <glob.h>
#include <jansson.h>

#include "common/json_writer.h"
#include "common/quote.h"
#include "tests/unit/visible.h"
#include "worker/validate/decode.h"
#include "worker/validate/evaluate.h"
#include "worker/validate/reply.h"

#define CASES          "tests/cases/*/*.case"
#define HEADERS        16
#define SETTINGS       8
#define FEWEST_CASES   60 /* fewer means that they were not found */
#define EXPECTED_BYTES ((size_t)1 << 30)

static glob_t paths;

/* One case during its run. */
struct field_fixture {
    const char *path;
    struct case_file file;
    struct arena arena; /* for everything outside of the pipeline */
    struct config *config;
    struct definitions *definitions;
    struct evaluation evaluate;
    struct header headers[HEADERS];
    struct batch batch;
    struct item *item;
};

static struct span without_line_feed(struct span text)
{
    if (text.length > 0 && text.at[text.length - 1] == '\n')
        text.length--;
    return text;
}

static char *terminated(struct field_fixture *field_fixture, struct span text)
{
    return (char *)(uintptr_t)arena_format(&field_fixture->arena, "%.*s%c", SPAN_FORMAT(text), '\0').at;
}

static void open_config(struct field_fixture *field_fixture)
{
    const char *settings[SETTINGS + 1] = {NULL};
    const struct case_section *section = case_section(&field_fixture->file, "settings", NULL);
    struct span rest = section ? section->body : SPAN(""), line;
    for (size_t i = 0; take_line(&rest, &line); i++) {
        ck_assert_uint_lt(i, SETTINGS);
        settings[i] = terminated(field_fixture, line);
    }
    field_fixture->config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(field_fixture->config);
}

static void open_evaluation(struct field_fixture *field_fixture)
{
    const struct case_section *section = case_section(&field_fixture->file, "definitions", NULL);
    size_t capacity = (size_t)field_fixture->config->limits.command_bytes;
    field_fixture->evaluate =
        (struct evaluation){.config = field_fixture->config, .parser = decode_parser_new(capacity)};
    ck_assert_ptr_nonnull(field_fixture->evaluate.parser);
    if (!section || !span_equal(section->argument, SPAN("none"))) {
        struct span json = section ? section->body : read_whole("tests/cases/definitions.json", &field_fixture->arena);
        field_fixture->definitions = definitions_compile(json, NULL);
        field_fixture->evaluate.definitions = field_fixture->definitions;
        field_fixture->evaluate.definitions_broken = !field_fixture->definitions;
    }
}

static uint32_t read_headers(struct field_fixture *field_fixture, struct span text, struct header *headers)
{
    uint32_t count = 0;
    struct span line, value;
    while (take_line(&text, &line)) {
        ck_assert_uint_lt(count, HEADERS);
        struct span name = split(line, ": ", &value);
        bool null = name.length == line.length;
        headers[count].name = unescape(&field_fixture->arena, name);
        headers[count++].value = null ? SPAN_NONE : unescape(&field_fixture->arena, value);
    }
    return count;
}

static void open_item(struct field_fixture *field_fixture)
{
    const struct case_section *command = case_section(&field_fixture->file, "command", NULL);
    const struct case_section *headers = case_section(&field_fixture->file, "headers", NULL);
    const struct case_section *key = case_section(&field_fixture->file, "key", NULL);
    const struct case_section *timestamp = case_section(&field_fixture->file, "timestamp", NULL);
    ck_assert_msg(command != NULL, "%s has no command", field_fixture->path);
    struct span value = without_line_feed(command->body);
    if (span_equal(command->argument, SPAN("null")))
        value = SPAN_NONE;
    else if (span_equal(command->argument, SPAN("escaped")))
        value = unescape(&field_fixture->arena, value);

    size_t bytes = (size_t)field_fixture->config->limits.command_bytes;
    ck_assert_int_eq(batch_open(&field_fixture->batch, 1, bytes, bytes), 0);
    field_fixture->item = &field_fixture->batch.items[0];
    *field_fixture->item = (struct item){.from = {.topic = "clients.commands", .offset = 17}, .value = value};
    field_fixture->item->headers = field_fixture->headers;
    if (headers)
        field_fixture->item->header_count = read_headers(field_fixture, headers->body, field_fixture->headers);
    if (key)
        field_fixture->item->key = unescape(&field_fixture->arena, without_line_feed(key->body));
    if (timestamp)
        field_fixture->item->from.timestamp_ms = strtoll(timestamp->body.at, NULL, 10);
}

static void field_fixture_open(struct field_fixture *field_fixture, const char *path)
{
    *field_fixture = (struct field_fixture){.path = path};
    ck_assert_int_eq(arena_open(&field_fixture->arena, EXPECTED_BYTES), 0);
    field_fixture->file = case_file_parse(read_whole(path, &field_fixture->arena));
    open_config(field_fixture);
    open_evaluation(field_fixture);
    open_item(field_fixture);
}

static void field_fixture_close(struct field_fixture *field_fixture)
{
    batch_close(&field_fixture->batch);
    definitions_free(field_fixture->definitions);
    json_parser_free(field_fixture->evaluate.parser);
    config_free(field_fixture->config);
    arena_close(&field_fixture->arena);
}

static void fail_with(const struct field_fixture *field_fixture, const char *what, struct span expected,
                      struct span found)
{
    ck_abort_msg("%s: %s\nexpected: %.*s\nfound:    %.*s", field_fixture->path, what, SPAN_FORMAT(expected),
                 SPAN_FORMAT(found));
}

static void expect_reply(struct field_fixture *field_fixture, struct span json)
{
    struct span expected = compact(&field_fixture->arena, json);
    if (!span_equal(expected, field_fixture->item->reply))
        fail_with(field_fixture, "another reply", expected, field_fixture->item->reply);
}

static void expect_headers(struct field_fixture *field_fixture, struct span text)
{
    struct header expected[HEADERS], found[REPLY_HEADERS];
    uint32_t count = read_headers(field_fixture, text, expected);
    uint32_t found_count = reply_headers(field_fixture->item, field_fixture->config, found);
    for (uint32_t i = 0; i < count && i < found_count; i++)
        if (!span_equal(expected[i].name, found[i].name) || !span_equal(expected[i].value, found[i].value) ||
            !expected[i].value.at != !found[i].value.at)
            fail_with(field_fixture, "another header", expected[i].name, found[i].name);
    ck_assert_msg(count == found_count, "%s: %u headers, not %u", field_fixture->path, found_count, count);
}

static bool holds(struct span text, struct span part)
{
    return memmem(text.at, text.length, part.at, part.length) != NULL;
}

static void expect_created(struct field_fixture *field_fixture, const struct case_section *section)
{
    struct span rest = section->body, line, reply = field_fixture->item->reply;
    bool wanted = section->argument.length == 0;
    if (field_fixture->item->outcome != OUTCOME_CREATED)
        fail_with(field_fixture, "not accepted", SPAN("client.created"), reply);
    while (take_line(&rest, &line))
        if (holds(reply, compact(&field_fixture->arena, line)) != wanted)
            fail_with(field_fixture, wanted ? "something is missing" : "something is too much", line, reply);
}

static void expect_rejected(struct field_fixture *field_fixture, const struct case_section *section)
{
    const struct item *item = field_fixture->item;
    if (item->outcome != OUTCOME_REJECTED || !span_equal(section->argument, span_of_text(error_row(item->error)->code)))
        fail_with(field_fixture, "another outcome", section->argument, item->reply);
    const struct violation *violation = item->violations;
    struct span rest = section->body, line;
    bool and_more = false;
    while (!and_more && take_line(&rest, &line)) {
        and_more = span_equal(line, SPAN("..."));
        if (and_more)
            continue;
        if (!violation)
            fail_with(field_fixture, "a violation is missing", line, item->reply);
        struct span found = arena_format(&field_fixture->arena, "%.*s %s: %.*s", SPAN_FORMAT(violation->path),
                                         error_row(violation->code)->code, SPAN_FORMAT(violation->message));
        struct span message, whole = split(line, ": ", &message);
        bool with_message = whole.length < line.length;
        struct span compared = with_message ? found : split(found, ": ", &message);
        if (!span_equal(line, compared))
            fail_with(field_fixture, "another violation", line, found);
        violation = violation->next;
    }
    if (violation && !and_more)
        fail_with(field_fixture, "a violation too much", violation->path, item->reply);
}

/* Only the first messages are compared with the value, since that takes long for a large one. */
static void expect_message(const struct field_fixture *field_fixture, struct span message, bool is_compared)
{
    if (invisible_in(message) != 0)
        fail_with(field_fixture, "something invisible in a message", SPAN("U+..."), message);
    if (is_compared && repeats_too_much(message, field_fixture->item->value))
        fail_with(field_fixture, "more than 64 bytes of the value in a message", field_fixture->item->value, message);
}

static void expect_messages(const struct field_fixture *field_fixture)
{
    enum { COMPARED = 8 };
    unsigned count = 0;
    if (field_fixture->item->outcome == OUTCOME_REJECTED)
        expect_message(field_fixture, field_fixture->item->error_message, true);
    for (const struct violation *one = field_fixture->item->violations; one; one = one->next)
        expect_message(field_fixture, one->message, count++ < COMPARED);
}

/* True if the value alone does not tell whether the command is valid. */
static bool is_judged_by_more(const struct field_fixture *field_fixture)
{
    return field_fixture->config->validation.unknown_attributes == UNKNOWN_ATTRIBUTES_IGNORE ||
           field_fixture->item->header_count > 0;
}

/* Appends a line to the file that CASES_FILE names, for tests/schemas.sh: the command, if it is UTF-8, and its reply as
 * texts, and the case's own definitions, if it has some. */
static void write_out(struct field_fixture *field_fixture)
{
    const char *path = getenv("CASES_FILE");
    if (!path)
        return;
    const struct item *item = field_fixture->item;
    const struct case_section *section = case_section(&field_fixture->file, "definitions", "");
    FILE *file = fopen(path, "a");
    ck_assert_ptr_nonnull(file);
    json_t *line = json_pack(
        "{s:s, s:o, s:s%, s:b, s:b, s:o, s:b}", "case", field_fixture->path, "command",
        item->value.at && text_is_utf8(item->value) ? json_stringn(item->value.at, item->value.length) : json_null(),
        "reply", item->reply.at, item->reply.length, "accepted", item->outcome == OUTCOME_CREATED, "byMore",
        is_judged_by_more(field_fixture), "definitions",
        section ? json_stringn(section->body.at, section->body.length) : json_null(), "broken",
        field_fixture->evaluate.definitions_broken);
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(json_dumpf(line, file, JSON_COMPACT), 0);
    ck_assert_int_ne(fputc('\n', file), EOF);
    ck_assert_int_eq(fclose(file), 0);
    json_decref(line);
}

/* For every case: a reply is one JSON object on one line, and its paths are within the limits. */
static void expect_valid_reply(struct field_fixture *field_fixture)
{
    const struct item *item = field_fixture->item;
    struct json_parser *parser = json_parser_new(item->reply.length);
    char *text = arena_alloc(&field_fixture->arena, item->reply.length + JSON_PADDING);
    memcpy(text, item->reply.at, item->reply.length);
    struct json_document document;
    struct json_fault fault;
    bool sound = json_parse(parser, text, item->reply.length, 32, &field_fixture->arena, &document, &fault);
    json_parser_free(parser);
    ck_assert_msg(sound, "%s: the reply is not JSON at byte %u: %.*s", field_fixture->path, fault.at,
                  SPAN_FORMAT(item->reply));
    ck_assert_ptr_null(memchr(item->reply.at, '\n', item->reply.length));
    ck_assert_uint_le(item->violation_listed, VIOLATIONS_LISTED);
    ck_assert_uint_le(item->violation_bytes, VIOLATION_BYTES);
}

START_TEST(test_case)
{
    struct field_fixture field_fixture;
    field_fixture_open(&field_fixture, paths.gl_pathv[_i]);
    evaluate_item(&field_fixture.evaluate, field_fixture.item, &field_fixture.batch.arena);
    expect_valid_reply(&field_fixture);
    expect_messages(&field_fixture);
    write_out(&field_fixture);
    unsigned expectations = 0;
    for (unsigned i = 0; i < field_fixture.file.count; i++) {
        const struct case_section *section = &field_fixture.file.sections[i];
        expectations++;
        if (span_equal(section->name, SPAN("created")))
            expect_created(&field_fixture, section);
        else if (span_equal(section->name, SPAN("rejected")))
            expect_rejected(&field_fixture, section);
        else if (span_equal(section->name, SPAN("reply")) && section->argument.length > 0)
            expect_headers(&field_fixture, section->body);
        else if (span_equal(section->name, SPAN("reply")))
            expect_reply(&field_fixture, section->body);
        else
            expectations--;
    }
    ck_assert_msg(expectations > 0, "%s expects nothing", field_fixture.path);
    field_fixture_close(&field_fixture);
}
END_TEST

/* Idempotence: an accepted and normalized command is accepted again and stays the same. */
START_TEST(test_twice_is_once)
{
    struct field_fixture field_fixture;
    field_fixture_open(&field_fixture, paths.gl_pathv[_i]);
    evaluate_item(&field_fixture.evaluate, field_fixture.item, &field_fixture.batch.arena);
    if (field_fixture.item->outcome == OUTCOME_CREATED) {
        struct span record = field_fixture.item->record, custom, names, rest;
        split(record, "\"givenName\":", &names);
        names = split(names, ",\"status\":", &rest);
        split(rest, ",\"customFields\":", &custom);
        bool invited = span_begins_with(rest, SPAN("\"invited\""));
        struct span id = json_string_of(&field_fixture.arena, field_fixture.item->command_id);
        struct span again = arena_format(&field_fixture.arena,
                                         "{\"commandId\":%.*s,\"workspaceId\":\"%.*s\",\"sendInvite\":%s,"
                                         "\"givenName\":%.*s,\"customFields\":%.*s",
                                         SPAN_FORMAT(id), SPAN_FORMAT(field_fixture.item->workspace),
                                         invited ? "true" : "false", SPAN_FORMAT(names), SPAN_FORMAT(custom));
        struct item item = {.from = field_fixture.item->from, .value = again};
        evaluate_item(&field_fixture.evaluate, &item, &field_fixture.batch.arena);
        if (item.outcome != OUTCOME_CREATED || !span_equal(item.record, record))
            fail_with(&field_fixture, "not the same a second time", record, item.reply);
    }
    field_fixture_close(&field_fixture);
}
END_TEST

int main(void)
{
    if (glob(CASES, 0, NULL, &paths) != 0 || paths.gl_pathc < FEWEST_CASES) {
        fprintf(stderr, "only %zu cases match %s\n", paths.gl_pathc, CASES);
        return 1;
    }
    Suite *suite = suite_create("cases");
    TCase *cases = tcase_create("case"), *twice = tcase_create("twice is once");
    tcase_add_loop_test(cases, test_case, 0, (int)paths.gl_pathc);
    tcase_add_loop_test(twice, test_twice_is_once, 0, (int)paths.gl_pathc);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, twice);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    globfree(&paths);
    return failed == 0 ? 0 : 1;
}
