/* outcome: every reply that the program composes is read back, and nothing else is taken for one. */
#include "tests/unit/evaluating.h"

#include <stdio.h>

#include "worker/replay/outcome.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply.h"

#define DEFINITIONS                                                                                                    \
    "[{\"key\":\"t\",\"type\":\"text\",\"rules\":{\"maxLength\":5}},{\"key\":\"n\",\"type\":\"number\"},"              \
    "{\"key\":\"a/b~c\\\"\",\"type\":\"number\"}]"
#define MEMBERS                                                                                                        \
    "\"commandId\":\"c\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"a@b.example\""

static struct evaluating evaluating;
static struct json_parser *parser;
static struct arena arena;

static void open_all(void)
{
    evaluating_open(&evaluating, DEFINITIONS, NULL);
    parser = json_parser_new((size_t)2 << 20);
    ck_assert_ptr_nonnull(parser);
    ck_assert_int_eq(arena_open(&arena, (size_t)256 << 20), 0);
}

static void close_all(void)
{
    arena_close(&arena);
    json_parser_free(parser);
    evaluating_close(&evaluating);
}

static struct item *evaluated(const char *command)
{
    struct item *item = evaluating_item(&evaluating, command);
    evaluate_item(&evaluating.evaluate, item, &evaluating.batch.arena);
    return item;
}

/* Reads a reply and checks that its bytes stay as they are. */
static bool read_reply(struct span value, struct reply_content *content)
{
    char *before = malloc(value.length + 1);
    ck_assert_ptr_nonnull(before);
    if (value.length > 0)
        memcpy(before, value.at, value.length);
    const bool ok = reply_content_read(value, parser, &arena, content);
    ck_assert(value.length == 0 || memcmp(before, value.at, value.length) == 0);
    free(before);
    return ok;
}

static struct reply_content read_back(const struct item *item)
{
    struct reply_content content;
    ck_assert_msg(read_reply(item->reply, &content), "%.*s", SPAN_FORMAT(item->reply));
    expect_span(content.topic, "clients.commands");
    ck_assert_int_eq(content.partition, 3);
    ck_assert_int_eq(content.offset, 17);
    const struct span expected = item_content(item, &evaluating.batch.arena);
    const struct outcome_digest left = outcome_digest_of(content.content), right = outcome_digest_of(expected);
    const bool is_minimal = item->reply_form != FORM_FULL && item->error == ERROR_VALIDATION_FAILED;
    const bool is_listed = !is_minimal || !item->violations;
    ck_assert_int_eq(memcmp(&left, &right, sizeof(left)) == 0, is_listed);
    ck_assert_int_eq(span_equal(content.content, expected), is_listed);
    ck_assert_int_eq(content.is_whole, !is_minimal);
    ck_assert_int_eq(content.error, item->error);
    return content;
}

static void expect_version(const struct reply_content *content)
{
    ck_assert(span_equal(content->version, span_of(evaluating.definitions->version, HASH_LENGTH)));
}

/* ---- Replies of ours ---- */

START_TEST(a_created_client_is_read)
{
    const struct item *item =
        evaluated("{" MEMBERS ",\"customFields\":{\"t\":\"\\u00e9\\n\\\"\\\\\",\"n\":\"007.50\"}}");
    ck_assert_int_eq(item->outcome, OUTCOME_CREATED);
    const struct reply_content content = read_back(item);
    ck_assert_int_eq(content.kind, RECORDED_CREATED);
    ck_assert(!content.is_refused_client);
    expect_version(&content);
    ck_assert(span_equal(content.content, item->record));
}
END_TEST

/* Its header tells that it is one. */
START_TEST(a_duplicate_is_read_as_created)
{
    struct item *item = evaluated("{" MEMBERS "}");
    item->outcome = OUTCOME_DUPLICATE;
    reply_compose(item, &evaluating.batch.arena);
    ck_assert_int_eq(read_back(item).kind, RECORDED_CREATED);
}
END_TEST

START_TEST(errors_are_read_as_pairs)
{
    struct item *item = evaluated("{" MEMBERS ",\"x/~\\\"\":1,\"customFields\":{\"t\":\"123456\",\"n\":\"x\","
                                  "\"a/b~c\\\"\":true}}");
    struct reply_content content = read_back(item);
    ck_assert_int_eq(content.kind, RECORDED_REJECTED);
    expect_version(&content);
    expect_span(content.content, "[[\"/x~1~0\\\"\",\"unknown_attribute\"],[\"/customFields/t\",\"too_long\"],"
                                 "[\"/customFields/n\",\"number_syntax\"],"
                                 "[\"/customFields/a~1b~0c\\\"\",\"type_mismatch\"]]");
    item->reply_form = FORM_MINIMAL;
    reply_compose(item, &evaluating.batch.arena);
    content = read_back(item);
    expect_span(content.content, "[]");
    expect_version(&content);
}
END_TEST

/* More than a reply lists. */
START_TEST(as_many_errors_are_read_as_are_listed)
{
    static char command[16384];
    char *to = stpcpy(command, "{" MEMBERS);
    for (int i = 0; i < 2 * VIOLATIONS_LISTED; i++)
        to += sprintf(to, ",\"x%d\":0", i);
    strcpy(to, "}");
    const struct reply_content content = read_back(evaluated(command));
    size_t pairs = 0;
    for (size_t i = 0; i < content.content.length; i++)
        pairs += content.content.at[i] == '/';
    ck_assert_uint_eq(pairs, VIOLATIONS_LISTED);
}
END_TEST

/* Number _i of the errors of commands, in each form. */
START_TEST(every_error_is_read)
{
    const enum error error = (enum error)_i;
    for (enum form form = FORM_FULL; form < FORM_NONE; form++) {
        struct item *item = evaluating_item(&evaluating, "{}");
        decode_item(item, evaluating.config, evaluating.evaluate.parser, &evaluating.batch.arena);
        item_reject(item, error, SPAN("a message"));
        item->existing_client_id = SPAN("an id");
        item->reply_form = form;
        reply_compose(item, &evaluating.batch.arena);
        const struct reply_content content = read_back(item);
        ck_assert_int_eq(content.kind, RECORDED_REJECTED);
        ck_assert(!content.is_refused_client);
        ck_assert_ptr_null(content.version.at);
        expect_span(content.content, "[]");
    }
}
END_TEST

START_TEST(a_refused_client_is_told_from_a_command_that_is_too_large)
{
    for (enum form form = FORM_FULL; form < FORM_NONE; form++) {
        struct item *item = evaluating_item(&evaluating, "{" MEMBERS "}");
        decode_item(item, evaluating.config, evaluating.evaluate.parser, &evaluating.batch.arena);
        item->record_form = FORM_NONE;
        item->client_most = 1000;
        item->reply_form = form;
        check_item(item, evaluating.config, &evaluating.batch.arena);
        reply_compose(item, &evaluating.batch.arena);
        const struct reply_content refused = read_back(item);
        ck_assert_int_eq(refused.error, ERROR_TOO_LARGE);
        ck_assert(refused.is_refused_client);

        item = evaluating_item(&evaluating, "{}");
        decode_too_large(item, evaluating.config, &evaluating.batch.arena);
        item->reply_form = form;
        reply_compose(item, &evaluating.batch.arena);
        const struct reply_content large = read_back(item);
        ck_assert_int_eq(large.error, ERROR_TOO_LARGE);
        ck_assert(!large.is_refused_client);
    }
}
END_TEST

/* ---- Other texts ---- */

#define SOURCE     "\"source\":{\"topic\":\"t\",\"partition\":1,\"offset\":2}"
#define CREATED    "\"type\":\"client.created\""
#define REJECTED   "\"type\":\"client.rejected\""
#define FAILED(of) "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"validation_failed\",\"errors\":" of "}}"

static const char *const replies[] = {
    "{" CREATED "," SOURCE ",\"client\":{}}",
    " { \"client\" : { } ,\n" SOURCE " , " CREATED " , \"more\" : [ ] } ",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"too_large\"}}",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"too_large\",\"errors\":[1]}}",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"too_large\",\"message\":7}}",
    "{\"type\":\"client\\u002ecreated\",\"\\u0073ource\":{\"topic\":\"t\",\"partition\":1,\"offset\":2},\"client\":{}}",
    FAILED("[]"),
    FAILED("[{\"path\":\"\",\"code\":\"a code of another version\"}]"),
    FAILED("[{\"message\":\"m\",\"code\":\"c\",\"path\":\"/p\",\"more\":{}}]"),
};

START_TEST(what_has_the_parts_of_a_reply_is_one)
{
    struct reply_content content;
    ck_assert(read_reply(span_of_text(replies[_i]), &content));
    expect_span(content.topic, "t");
    ck_assert_int_eq(content.partition, 1);
    ck_assert_int_eq(content.offset, 2);
}
END_TEST

static const char *const others[] = {
    "",
    " ",
    "{}",
    "[]",
    "null",
    "\"client.created\"",
    "\xff",
    "{" CREATED "," SOURCE ",\"client\":{}",
    "{" CREATED "," SOURCE ",\"client\":{}}x",
    "{" CREATED "," CREATED "," SOURCE ",\"client\":{}}",
    /* the type */
    "{" SOURCE ",\"client\":{}}",
    "{\"type\":\"client.updated\"," SOURCE ",\"client\":{}}",
    "{\"type\":\"client.createdX\"," SOURCE ",\"client\":{}}",
    "{\"type\":7," SOURCE ",\"client\":{}}",
    /* the source */
    "{" CREATED ",\"client\":{}}",
    "{" CREATED ",\"source\":\"t/1/2\",\"client\":{}}",
    "{" CREATED ",\"source\":{},\"client\":{}}",
    "{" CREATED ",\"source\":{\"partition\":1,\"offset\":2},\"client\":{}}",
    "{" CREATED ",\"source\":{\"topic\":\"t\",\"offset\":2},\"client\":{}}",
    "{" CREATED ",\"source\":{\"topic\":\"t\",\"partition\":1},\"client\":{}}",
    "{" CREATED ",\"source\":{\"topic\":1,\"partition\":1,\"offset\":2},\"client\":{}}",
    "{" CREATED ",\"topic\":\"t\",\"partition\":1,\"offset\":2,\"client\":{}}",
    /* the client */
    "{" CREATED "," SOURCE "}",
    "{" CREATED "," SOURCE ",\"client\":null}",
    "{" CREATED "," SOURCE ",\"client\":[]}",
    "{" CREATED "," SOURCE ",\"error\":{\"code\":\"too_large\"}}",
    /* the error */
    "{" REJECTED "," SOURCE "}",
    "{" REJECTED "," SOURCE ",\"client\":{}}",
    "{" REJECTED "," SOURCE ",\"error\":\"too_large\"}",
    "{" REJECTED "," SOURCE ",\"error\":{}}",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":null}}",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"\"}}",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"too_larg\"}}",
    "{" REJECTED "," SOURCE ",\"error\":{\"code\":\"required\"}}",
    /* the list */
    FAILED("null"),
    FAILED("{}"),
    FAILED("[1]"),
    FAILED("[[\"/a\",\"required\"]]"),
    FAILED("[{\"path\":\"/a\"}]"),
    FAILED("[{\"code\":\"required\"}]"),
    FAILED("[{\"path\":1,\"code\":\"required\"}]"),
    FAILED("[{\"path\":\"/a\",\"code\":\"required\"},{}]"),
    FAILED("[{},{\"path\":\"/a\",\"code\":\"required\"}]"),
};

START_TEST(what_is_no_reply_is_refused)
{
    struct reply_content content;
    ck_assert(!read_reply(span_of_text(others[_i]), &content));
}
END_TEST

START_TEST(no_value_and_a_deep_value_are_no_reply)
{
    struct reply_content content;
    char deep[1024] = "{" CREATED "," SOURCE ",\"client\":{\"a\":";
    memset(deep + strlen(deep), '[', 400);
    memset(deep + strlen(deep), ']', 400);
    strcat(deep, "}}");
    ck_assert(!read_reply(SPAN_NONE, &content));
    ck_assert(!read_reply(span_of_text(deep), &content));
}
END_TEST

struct number {
    const char *partition, *offset;
    bool is_one;
};

static const struct number numbers[] = {
    {"0", "0", true},
    {"2147483647", "9223372036854775807", true},
    {"2147483648", "0", false},
    {"0", "9223372036854775808", false},
    {"0", "9999999999999999999", false},
    {"0", "18446744073709551617", false},
    {"4294967296", "0", false},
    {"0", "100000000000000000000000000000000000000000", false},
    {"-1", "0", false},
    {"0", "-1", false},
    {"0", "-0", false},
    {"0", "1.0", false},
    {"0", "1e1", false},
    {"1E0", "0", false},
    {"\"1\"", "0", false},
    {"0", "null", false},
    {"[]", "0", false},
};

START_TEST(a_place_has_whole_numbers)
{
    char text[256];
    const struct number *row = &numbers[_i];
    struct reply_content content;
    snprintf(text, sizeof(text),
             "{" CREATED ",\"source\":{\"topic\":\"t\",\"partition\":%s,\"offset\":%s},\"client\":{}}", row->partition,
             row->offset);
    ck_assert_int_eq(read_reply(span_of_text(text), &content), row->is_one);
    if (row->is_one) {
        ck_assert_int_eq(content.partition, strtoll(row->partition, NULL, 10));
        ck_assert_int_eq(content.offset, strtoll(row->offset, NULL, 10));
    }
}
END_TEST

struct version {
    const char *member, *version; /* NULL: it names none */
};

static const struct version versions[] = {
    {"", NULL},
    {"\"definitions\":null,", NULL},
    {"\"definitions\":7,", NULL},
    {"\"definitions\":\"\",", ""},
    {"\"definitions\":\"9f2c\",", "9f2c"},
    {"\"definitions\":\"0123456789abcdef0123456789abcdef\",", "0123456789abcdef0123456789abcdef"},
};

START_TEST(a_version_is_a_string)
{
    char text[256];
    struct reply_content content;
    snprintf(text, sizeof(text), "{%s" CREATED "," SOURCE ",\"client\":{}}", versions[_i].member);
    ck_assert(read_reply(span_of_text(text), &content));
    ck_assert_int_eq(content.version.at != NULL, versions[_i].version != NULL);
    expect_span(content.version, versions[_i].version ? versions[_i].version : "");
}
END_TEST

/* The client as it stands, so that its digest is that of the bytes. */
START_TEST(a_client_is_taken_as_it_stands)
{
    struct reply_content content;
    ck_assert(read_reply(SPAN("{" CREATED "," SOURCE ",\"client\": { \"a\" : \"\\u0041\\\"}\" } }"), &content));
    expect_span(content.content, "{ \"a\" : \"\\u0041\\\"}\" }");
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("outcome");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, a_created_client_is_read);
    tcase_add_test(tests, a_duplicate_is_read_as_created);
    tcase_add_test(tests, errors_are_read_as_pairs);
    tcase_add_test(tests, as_many_errors_are_read_as_are_listed);
    tcase_add_loop_test(tests, every_error_is_read, ERROR_MALFORMED_JSON, ERROR_COMMAND_ID_CONFLICT + 1);
    tcase_add_test(tests, a_refused_client_is_told_from_a_command_that_is_too_large);
    tcase_add_loop_test(tests, what_has_the_parts_of_a_reply_is_one, 0, COUNT(replies));
    tcase_add_loop_test(tests, what_is_no_reply_is_refused, 0, COUNT(others));
    tcase_add_test(tests, no_value_and_a_deep_value_are_no_reply);
    tcase_add_loop_test(tests, a_place_has_whole_numbers, 0, COUNT(numbers));
    tcase_add_loop_test(tests, a_version_is_a_string, 0, COUNT(versions));
    tcase_add_test(tests, a_client_is_taken_as_it_stands);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
