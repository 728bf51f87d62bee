/* Runs every case of tests/cases through decode, check and reply. */
#include "tests/unit/case_file.h"

#include <glob.h>

#include "common/json_writer.h"
#include "tests/unit/visible.h"
#include "worker/validate/judge.h"
#include "worker/validate/reply.h"

#define CASES          "tests/cases/*/*.case"
#define HEADERS        16
#define SETTINGS       8
#define FEWEST_CASES   60 /* fewer means that they were not found */
#define EXPECTED_BYTES ((size_t)1 << 30)

static glob_t paths;

/* One case as it is run. */
struct trial {
    const char *path;
    struct case_file file;
    struct arena arena; /* for everything that is not the pipeline's */
    struct config *config;
    struct definitions *definitions;
    struct judge judge;
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

static char *terminated(struct trial *trial, struct span text)
{
    return (char *)(uintptr_t)arena_format(&trial->arena, "%.*s%c", SPAN_FORMAT(text), '\0').at;
}

static void open_config(struct trial *trial)
{
    const char *settings[SETTINGS + 1] = {NULL};
    const struct case_section *section = case_section(&trial->file, "settings", NULL);
    struct span rest = section ? section->body : SPAN(""), line;
    for (size_t i = 0; take_line(&rest, &line); i++) {
        ck_assert_uint_lt(i, SETTINGS);
        settings[i] = terminated(trial, line);
    }
    trial->config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(trial->config);
}

static void open_judge(struct trial *trial)
{
    const struct case_section *section = case_section(&trial->file, "definitions", NULL);
    size_t capacity = (size_t)trial->config->limits.command_bytes;
    trial->judge = (struct judge){.config = trial->config, .parser = json_parser_new(capacity)};
    ck_assert_ptr_nonnull(trial->judge.parser);
    if (!section || !span_equal(section->argument, SPAN("none"))) {
        struct span json = section ? section->body : read_whole("tests/cases/definitions.json", &trial->arena);
        trial->definitions = definitions_compile(json, NULL);
        trial->judge.definitions = trial->definitions;
        trial->judge.definitions_broken = !trial->definitions;
    }
}

static uint32_t read_headers(struct trial *trial, struct span text, struct header *headers)
{
    uint32_t count = 0;
    struct span line, value;
    while (take_line(&text, &line)) {
        ck_assert_uint_lt(count, HEADERS);
        struct span name = split(line, ": ", &value);
        bool null = name.length == line.length;
        headers[count].name = unescape(&trial->arena, name);
        headers[count++].value = null ? SPAN_NONE : unescape(&trial->arena, value);
    }
    return count;
}

static void open_item(struct trial *trial)
{
    const struct case_section *command = case_section(&trial->file, "command", NULL);
    const struct case_section *headers = case_section(&trial->file, "headers", NULL);
    const struct case_section *key = case_section(&trial->file, "key", NULL);
    const struct case_section *timestamp = case_section(&trial->file, "timestamp", NULL);
    ck_assert_msg(command != NULL, "%s has no command", trial->path);
    struct span value = without_line_feed(command->body);
    if (span_equal(command->argument, SPAN("null")))
        value = SPAN_NONE;
    else if (span_equal(command->argument, SPAN("escaped")))
        value = unescape(&trial->arena, value);

    size_t bytes = (size_t)trial->config->limits.command_bytes;
    ck_assert_int_eq(batch_open(&trial->batch, 1, bytes, bytes), 0);
    trial->item = &trial->batch.items[0];
    *trial->item = (struct item){.from = {.topic = "clients.commands", .offset = 17}, .value = value};
    trial->item->headers = trial->headers;
    if (headers)
        trial->item->header_count = read_headers(trial, headers->body, trial->headers);
    if (key)
        trial->item->key = unescape(&trial->arena, without_line_feed(key->body));
    if (timestamp)
        trial->item->from.timestamp_ms = strtoll(timestamp->body.at, NULL, 10);
}

static void trial_open(struct trial *trial, const char *path)
{
    *trial = (struct trial){.path = path};
    ck_assert_int_eq(arena_open(&trial->arena, EXPECTED_BYTES), 0);
    trial->file = case_file_parse(read_whole(path, &trial->arena));
    open_config(trial);
    open_judge(trial);
    open_item(trial);
}

static void trial_close(struct trial *trial)
{
    batch_close(&trial->batch);
    definitions_free(trial->definitions);
    json_parser_free(trial->judge.parser);
    config_free(trial->config);
    arena_close(&trial->arena);
}

static void fail_with(const struct trial *trial, const char *what, struct span expected, struct span found)
{
    ck_abort_msg("%s: %s\nexpected: %.*s\nfound:    %.*s", trial->path, what, SPAN_FORMAT(expected),
                 SPAN_FORMAT(found));
}

static void expect_reply(struct trial *trial, struct span json)
{
    struct span expected = compact(&trial->arena, json);
    if (!span_equal(expected, trial->item->reply))
        fail_with(trial, "another reply", expected, trial->item->reply);
}

static void expect_headers(struct trial *trial, struct span text)
{
    struct header expected[HEADERS], found[REPLY_HEADERS];
    uint32_t count = read_headers(trial, text, expected);
    uint32_t found_count = reply_headers(trial->item, trial->config, &trial->batch.arena, found);
    for (uint32_t i = 0; i < count && i < found_count; i++)
        if (!span_equal(expected[i].name, found[i].name) || !span_equal(expected[i].value, found[i].value) ||
            !expected[i].value.at != !found[i].value.at)
            fail_with(trial, "another header", expected[i].name, found[i].name);
    ck_assert_msg(count == found_count, "%s: %u headers, not %u", trial->path, found_count, count);
}

static bool holds(struct span text, struct span part)
{
    return memmem(text.at, text.length, part.at, part.length) != NULL;
}

static void expect_created(struct trial *trial, const struct case_section *section)
{
    struct span rest = section->body, line, reply = trial->item->reply;
    bool wanted = section->argument.length == 0;
    if (trial->item->outcome != OUTCOME_CREATED)
        fail_with(trial, "not accepted", SPAN("client.created"), reply);
    while (take_line(&rest, &line))
        if (holds(reply, compact(&trial->arena, line)) != wanted)
            fail_with(trial, wanted ? "something is missing" : "something is too much", line, reply);
}

static void expect_rejected(struct trial *trial, const struct case_section *section)
{
    const struct item *item = trial->item;
    if (item->outcome != OUTCOME_REJECTED || !span_equal(section->argument, span_of_text(error_row(item->error)->code)))
        fail_with(trial, "another outcome", section->argument, item->reply);
    const struct violation *violation = item->violations;
    struct span rest = section->body, line;
    bool and_more = false;
    while (!and_more && take_line(&rest, &line)) {
        and_more = span_equal(line, SPAN("..."));
        if (and_more)
            continue;
        if (!violation)
            fail_with(trial, "a violation is missing", line, item->reply);
        struct span found = arena_format(&trial->arena, "%.*s %s: %.*s", SPAN_FORMAT(violation->path),
                                         error_row(violation->code)->code, SPAN_FORMAT(violation->message));
        struct span message, whole = split(line, ": ", &message);
        bool with_message = whole.length < line.length;
        struct span compared = with_message ? found : split(found, ": ", &message);
        if (!span_equal(line, compared))
            fail_with(trial, "another violation", line, found);
        violation = violation->next;
    }
    if (violation && !and_more)
        fail_with(trial, "a violation too much", violation->path, item->reply);
}

/* Of the first messages only that they repeat little of the value, since looking takes long in a large one. */
static void expect_message(const struct trial *trial, struct span message, bool is_compared)
{
    if (invisible_in(message) != 0)
        fail_with(trial, "something invisible in a message", SPAN("U+..."), message);
    if (is_compared && repeats_too_much(message, trial->item->value))
        fail_with(trial, "more than 64 bytes of the value in a message", trial->item->value, message);
}

static void expect_messages(const struct trial *trial)
{
    enum { COMPARED = 8 };
    unsigned count = 0;
    if (trial->item->outcome == OUTCOME_REJECTED)
        expect_message(trial, trial->item->error_message, true);
    for (const struct violation *one = trial->item->violations; one; one = one->next)
        expect_message(trial, one->message, count++ < COMPARED);
}

/* Whatever the case expects: a reply is one JSON object on one line, and its paths are in the limits. */
static void expect_sound(struct trial *trial)
{
    const struct item *item = trial->item;
    struct json_parser *parser = json_parser_new(item->reply.length);
    char *text = arena_alloc(&trial->arena, item->reply.length + JSON_PADDING);
    memcpy(text, item->reply.at, item->reply.length);
    struct json_document document;
    struct json_fault fault;
    bool sound = json_parse(parser, text, item->reply.length, 32, &trial->arena, &document, &fault);
    json_parser_free(parser);
    ck_assert_msg(sound, "%s: the reply is not JSON at byte %u: %.*s", trial->path, fault.at, SPAN_FORMAT(item->reply));
    ck_assert_ptr_null(memchr(item->reply.at, '\n', item->reply.length));
    ck_assert_uint_le(item->violation_listed, VIOLATIONS_LISTED);
    ck_assert_uint_le(item->violation_bytes, VIOLATION_BYTES);
}

START_TEST(test_case)
{
    struct trial trial;
    trial_open(&trial, paths.gl_pathv[_i]);
    judge_item(&trial.judge, trial.item, &trial.batch.arena);
    expect_sound(&trial);
    expect_messages(&trial);
    unsigned expectations = 0;
    for (unsigned i = 0; i < trial.file.count; i++) {
        const struct case_section *section = &trial.file.sections[i];
        expectations++;
        if (span_equal(section->name, SPAN("created")))
            expect_created(&trial, section);
        else if (span_equal(section->name, SPAN("rejected")))
            expect_rejected(&trial, section);
        else if (span_equal(section->name, SPAN("reply")) && section->argument.length > 0)
            expect_headers(&trial, section->body);
        else if (span_equal(section->name, SPAN("reply")))
            expect_reply(&trial, section->body);
        else
            expectations--;
    }
    ck_assert_msg(expectations > 0, "%s expects nothing", trial.path);
    trial_close(&trial);
}
END_TEST

/* What is accepted and normalized is accepted again and stays the same. */
START_TEST(test_twice_is_once)
{
    struct trial trial;
    trial_open(&trial, paths.gl_pathv[_i]);
    judge_item(&trial.judge, trial.item, &trial.batch.arena);
    if (trial.item->outcome == OUTCOME_CREATED) {
        struct span record = trial.item->record, custom, names, rest;
        split(record, "\"givenName\":", &names);
        names = split(names, ",\"status\":", &rest);
        split(rest, ",\"customFields\":", &custom);
        bool invited = span_begins_with(rest, SPAN("\"invited\""));
        struct span id = json_string_of(&trial.arena, trial.item->command_id);
        struct span again = arena_format(&trial.arena,
                                         "{\"commandId\":%.*s,\"workspaceId\":\"%.*s\",\"sendInvite\":%s,"
                                         "\"givenName\":%.*s,\"customFields\":%.*s",
                                         SPAN_FORMAT(id), SPAN_FORMAT(trial.item->workspace),
                                         invited ? "true" : "false", SPAN_FORMAT(names), SPAN_FORMAT(custom));
        struct item item = {.from = trial.item->from, .value = again};
        judge_item(&trial.judge, &item, &trial.batch.arena);
        if (item.outcome != OUTCOME_CREATED || !span_equal(item.record, record))
            fail_with(&trial, "not the same a second time", record, item.reply);
    }
    trial_close(&trial);
}
END_TEST

int main(void)
{
    if (glob(CASES, 0, NULL, &paths) != 0 || paths.gl_pathc < FEWEST_CASES) {
        fprintf(stderr, "only %zu cases match %s\n", paths.gl_pathc, CASES);
        return 1;
    }
    Suite *suite = suite_create("cases");
    TCase *verdicts = tcase_create("verdict"), *twice = tcase_create("twice is once");
    tcase_add_loop_test(verdicts, test_case, 0, (int)paths.gl_pathc);
    tcase_add_loop_test(twice, test_twice_is_once, 0, (int)paths.gl_pathc);
    suite_add_tcase(suite, verdicts);
    suite_add_tcase(suite, twice);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    globfree(&paths);
    return failed == 0 ? 0 : 1;
}
