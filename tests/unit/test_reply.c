/* reply: values, headers and dead letters of every outcome. */
#include "tests/unit/evaluating.h"

#include "worker/sink/size_limits.h"
#include "worker/validate/reply.h"

#define SOURCE "\"source\":{\"topic\":\"clients.commands\",\"partition\":3,\"offset\":17}"
#define CLIENT "{\"id\":\"c705de71-3695-5583-8297-37fc27f7dead\",\"object\":\"client\"}"

static struct evaluating evaluating;

static void open_evaluating(void)
{
    evaluating_open(&evaluating, NULL, NULL);
}

static void close_evaluating(void)
{
    evaluating_close(&evaluating);
}

/* Opens a config with this setting, such as "replies.nest=errors". */
static void open_nest(const char *setting)
{
    const char *const settings[] = {setting, NULL};
    evaluating_close(&evaluating);
    evaluating_open(&evaluating, NULL, settings);
}

/* What decode tells of the item's place. */
static void place(struct item *item, struct position from)
{
    item->from = from;
    item->position = position_text(&item->from, &evaluating.batch.arena);
    time_text(from.timestamp_ms, item->time);
}

/* An item as the earlier stages leave it. */
static struct item *decided(enum outcome outcome)
{
    struct item *item = evaluating_item(&evaluating, "{}");
    item->command_id = SPAN("c\"1");
    item->workspace = SPAN("acme");
    item->outcome = outcome;
    place(item, item->from);
    return item;
}

static struct item *rejected(enum error error)
{
    struct item *item = decided(OUTCOME_UNDECIDED);
    item_reject(item, error, SPAN("says why"));
    return item;
}

static void expect_reply(struct item *item, const char *expected)
{
    reply_compose(item, &evaluating.batch.arena);
    expect_span(item->reply, expected);
}

START_TEST(test_created)
{
    struct item *item = decided(OUTCOME_CREATED);
    item->record = SPAN(CLIENT);
    expect_reply(item, "{\"type\":\"client.created\",\"commandId\":\"c\\\"1\",\"workspaceId\":\"acme\"," SOURCE
                       ",\"client\":" CLIENT "}");
}
END_TEST

/* A duplicate gets the reply of a creation, with the stored client. */
START_TEST(test_duplicate)
{
    struct item *item = decided(OUTCOME_DUPLICATE);
    item->record = SPAN(CLIENT);
    expect_reply(item, "{\"type\":\"client.created\",\"commandId\":\"c\\\"1\",\"workspaceId\":\"acme\"," SOURCE
                       ",\"client\":" CLIENT "}");
}
END_TEST

#define REJECTED "{\"type\":\"client.rejected\",\"commandId\":\"c\\\"1\",\"workspaceId\":\"acme\"," SOURCE ",\"error\":"

START_TEST(test_email_taken)
{
    struct item *item = rejected(ERROR_EMAIL_TAKEN);
    item->existing_client_id = SPAN("3d63998c-0d0a-54e2-afb2-e6a0f2822c4a");
    expect_reply(item, REJECTED "{\"code\":\"email_taken\",\"message\":\"says why\",\"retryable\":false,"
                                "\"existingClientId\":\"3d63998c-0d0a-54e2-afb2-e6a0f2822c4a\"}}");
}
END_TEST

/* Only definitions_missing can succeed later; only validation_failed lists errors. */
START_TEST(test_every_code)
{
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        const struct error_row *row = error_row(error);
        if (row->scope != ERROR_SCOPE_COMMAND || error == ERROR_EMAIL_TAKEN)
            continue;
        char expected[512];
        snprintf(expected, sizeof(expected), REJECTED "{\"code\":\"%s\",\"message\":\"says why\",\"retryable\":%s%s}}",
                 row->code, error == ERROR_DEFINITIONS_MISSING ? "true" : "false",
                 error == ERROR_VALIDATION_FAILED ? ",\"errors\":[]" : "");
        expect_reply(rejected(error), expected);
    }
}
END_TEST

START_TEST(test_without_workspace)
{
    struct item *item = rejected(ERROR_COMMAND_ID_CONFLICT);
    item->workspace = SPAN_NONE;
    expect_reply(item, "{\"type\":\"client.rejected\",\"commandId\":\"c\\\"1\"," SOURCE
                       ",\"error\":{\"code\":\"command_id_conflict\",\"message\":\"says why\",\"retryable\":false}}");
}
END_TEST

START_TEST(test_extreme_position)
{
    struct item *item = rejected(ERROR_TOO_LARGE);
    place(item, (struct position){"clients.commands", INT32_MAX, INT64_MAX, EVALUATING_TIME});
    reply_compose(item, &evaluating.batch.arena);
    ck_assert_ptr_nonnull(
        memmem(item->reply.at, item->reply.length, "\"partition\":2147483647,\"offset\":9223372036854775807}", 52));
}
END_TEST

static void expect_headers(const struct item *item, const char *const expected[][2], uint32_t count)
{
    struct header headers[REPLY_HEADERS];
    ck_assert_uint_eq(reply_headers(item, evaluating.config, headers), count);
    for (uint32_t i = 0; i < count; i++) {
        expect_span(headers[i].name, expected[i][0]);
        expect_span(headers[i].value, expected[i][1]);
    }
}

START_TEST(test_headers_of_a_duplicate)
{
    struct item *item = decided(OUTCOME_DUPLICATE);
    item->record = SPAN(CLIENT);
    memcpy(item->client_id, "c705de71-3695-5583-8297-37fc27f7dead", CLIENT_ID_LENGTH);
    static const char *const expected[][2] = {
        {"content-type", "application/json"},
        {"ce_specversion", "1.0"},
        {"ce_type", "client.created"},
        {"ce_source", "/client-intake"},
        {"ce_id", "clients.commands/3/17"},
        {"ce_time", "2026-11-23T06:38:00.123Z"},
        {"ce_subject", "c705de71-3695-5583-8297-37fc27f7dead"},
        {"ce_causationid", "c\"1"},
        {"duplicate", "true"},
    };
    expect_headers(item, expected, 9);
}
END_TEST

/* The reply did not fit into its topic: it comes without the parts that made it long. */
START_TEST(test_headers_of_a_minimal_reply)
{
    static const struct header given[] = {{{"correlation-id", 14}, {"long", 4}}, {{"traceparent", 11}, {"t", 1}}};
    struct item *item = decided(OUTCOME_REJECTED);
    item->headers = given;
    item->header_count = 2;
    struct header headers[REPLY_HEADERS];
    uint32_t with_echoes = reply_headers(item, evaluating.config, headers);
    item->reply_form = FORM_MINIMAL;
    ck_assert_uint_eq(reply_headers(item, evaluating.config, headers), with_echoes - 2);
}
END_TEST

/* The list of errors is dropped, and not read again; a client stays. */
START_TEST(test_value_of_a_minimal_reply)
{
    struct violation violation = {.code = ERROR_REQUIRED, .path = SPAN("/email"), .message = SPAN("must be there")};
    struct item *item = decided(OUTCOME_REJECTED);
    item->error = ERROR_VALIDATION_FAILED;
    item->error_message = SPAN("1 value is not valid");
    item->violations = &violation;
    reply_compose(item, &evaluating.batch.arena);
    ck_assert_ptr_nonnull(memmem(item->reply.at, item->reply.length, "\"errors\"", 8));
    item->reply_form = FORM_MINIMAL;
    reply_recompose(item, evaluating.config, &evaluating.batch.arena);
    ck_assert_ptr_null(memmem(item->reply.at, item->reply.length, "\"errors\"", 8));
    ck_assert_ptr_nonnull(memmem(item->reply.at, item->reply.length, "validation_failed", 17));
    size_t used = evaluating.batch.arena.used;
    item->reply_form = FORM_KEYLESS;
    reply_recompose(item, evaluating.config, &evaluating.batch.arena);
    ck_assert_uint_eq(evaluating.batch.arena.used, used);

    item = decided(OUTCOME_DUPLICATE);
    item->record = SPAN(CLIENT);
    reply_compose(item, &evaluating.batch.arena);
    struct span whole = item->reply;
    item->reply_form = FORM_MINIMAL;
    reply_recompose(item, evaluating.config, &evaluating.batch.arena);
    ck_assert_ptr_eq(item->reply.at, whole.at);
}
END_TEST

/* The longest rejection in its smallest form takes about 2 KiB. Most of it is the topic's name and the command id,
 * each twice at their longest. replies.nest adds less than 200 bytes. */
static size_t size_of_the_smallest_reply(void)
{
    static char topic[TOPIC_NAME_BYTES], id[COMMAND_ID_BYTES + 1], workspace[WORKSPACE_ID_CHARACTERS + 1];
    memset(topic, 't', sizeof(topic) - 1);
    for (size_t i = 0; i < COMMAND_ID_CHARACTERS; i++)
        memcpy(id + 4 * i, "\xf0\x9f\x98\x80", 4);
    memset(workspace, 'w', sizeof(workspace) - 1);
    struct item *item = decided(OUTCOME_REJECTED);
    place(item, (struct position){topic, INT32_MAX, INT64_MAX, EVALUATING_TIME});
    item->command_id = span_of(id, COMMAND_ID_BYTES);
    item->workspace = span_of_text(workspace);
    item->error = ERROR_TOO_LARGE;
    item->error_message = SPAN("the client does not fit into a message of the topic it would go to");
    item->reply_form = FORM_KEYLESS;
    item->reply_absence = REPLY_AS_ASKED;
    reply_compose(item, &evaluating.batch.arena);
    struct header headers[REPLY_HEADERS];
    uint32_t count = reply_headers(item, evaluating.config, headers);
    size_t bytes = 100 + item->reply.length; /* what a batch of one takes */
    for (uint32_t i = 0; i < count; i++)
        bytes += headers[i].name.length + headers[i].value.length + 4;
    return bytes;
}

START_TEST(test_size_of_the_smallest_reply)
{
    ck_assert_uint_le(size_of_the_smallest_reply(), 2200);
    open_nest("replies.nest=errors");
    ck_assert_uint_le(size_of_the_smallest_reply(), 2400);
}
END_TEST

/* All echoes together, and a few more headers, fit into REPLY_HEADERS. */
START_TEST(test_all_echoes)
{
    static const struct header given[] = {
        {{"correlation-id", 14}, {"first", 5}}, {{"tracestate", 10}, {"s", 1}},
        {{"correlation-id", 14}, {"last", 4}},  {{"kafka_correlationId", 19}, {"\0\xff", 2}},
        {{"traceparent", 11}, {NULL, 0}},       {{"REPLY_CORRELATION_ID", 20}, {"uuid", 4}},
    };
    struct item *item = decided(OUTCOME_DUPLICATE);
    item->record = SPAN(CLIENT);
    item->headers = given;
    item->header_count = 6;
    struct header headers[REPLY_HEADERS];
    ck_assert_uint_eq(reply_headers(item, evaluating.config, headers), 14);
    expect_span(headers[9].name, "kafka_correlationId");
    ck_assert(span_equal(headers[9].value, span_of("\0\xff", 2)));
    expect_span(headers[10].name, "correlation-id");
    expect_span(headers[10].value, "last");
    expect_span(headers[11].name, "REPLY_CORRELATION_ID");
    expect_span(headers[11].value, "uuid");
    expect_span(headers[12].name, "traceparent");
    ck_assert_ptr_null(headers[12].value.at);
    expect_span(headers[13].name, "tracestate");
}
END_TEST

/* ---- replies.nest ---- */

/* The reply as the sink sends it when its route has this outcome. */
static const struct item *prepared(struct item *item, enum reply_absence absence)
{
    reply_prepare(item, evaluating.config, &evaluating.batch.arena);
    item->reply_absence = absence;
    reply_recompose(item, evaluating.config, &evaluating.batch.arena);
    return item;
}

/* The value of a header of the reply, at == NULL: it has none. */
static struct span sent(const struct item *item, const char *name)
{
    struct span found = SPAN_NONE;
    for (uint32_t i = 0; i < item->reply_header_count; i++) {
        if (!span_equal(item->reply_headers[i].name, span_of_text(name)))
            continue;
        ck_assert_msg(!found.at, "%s comes twice", name);
        found = item->reply_headers[i].value;
    }
    return found;
}

static const struct {
    const char *setting;
    enum reply_absence absence;
    bool has_disposed, has_error;
} nest_rows[] = {
    {"replies.nest=off", REPLY_AS_ASKED, false, false},
    {"replies.nest=results", REPLY_AS_ASKED, true, false},
    {"replies.nest=errors", REPLY_AS_ASKED, true, true},
    /* By key, but to the topic that the command names. */
    {"replies.nest=errors", REPLY_PARTITION_MISSING, true, true},
    /* To replies.topic, whose readers did not ask for it. */
    {"replies.nest=errors", REPLY_ASKED_NOTHING, false, false},
    {"replies.nest=errors", REPLY_ILLEGAL_NAME, false, false},
    {"replies.nest=errors", REPLY_NOT_ALLOWED, false, false},
    {"replies.nest=errors", REPLY_TOPIC_MISSING, false, false},
    {"replies.nest=errors", REPLY_TOPIC_REFUSED, false, false},
};

static void expect_nest(const struct item *item, bool has_disposed, const char *error)
{
    struct span disposed = sent(item, "kafka_nest-is-disposed"), found = sent(item, "kafka_nest-err");
    ck_assert_int_eq(disposed.at != NULL, has_disposed);
    if (has_disposed)
        ck_assert(span_equal(disposed, span_of("\0", 1)));
    ck_assert_int_eq(found.at != NULL, error != NULL);
    if (error)
        expect_span(found, error);
}

START_TEST(nest_headers_are_on_replies_to_a_named_topic_only)
{
    open_nest(nest_rows[_i].setting);
    expect_nest(prepared(rejected(ERROR_MALFORMED_JSON), nest_rows[_i].absence), nest_rows[_i].has_disposed,
                nest_rows[_i].has_error ? "{\"code\":\"malformed_json\",\"message\":\"says why\",\"retryable\":false}"
                                        : NULL);
}
END_TEST

START_TEST(nest_error_is_on_every_rejection_and_on_no_client)
{
    open_nest("replies.nest=errors");
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        if (error_row(error)->scope != ERROR_SCOPE_COMMAND)
            continue;
        struct item *item = rejected(error);
        if (error == ERROR_EMAIL_TAKEN)
            item->existing_client_id = SPAN("3d63998c-0d0a-54e2-afb2-e6a0f2822c4a");
        prepared(item, REPLY_AS_ASKED);
        /* It is the error object of the value. */
        struct span found = sent(item, "kafka_nest-err");
        char expected[512];
        snprintf(expected, sizeof(expected), REJECTED "%.*s}", SPAN_FORMAT(found));
        expect_span(item->reply, expected);
        ck_assert_ptr_nonnull(sent(item, "kafka_nest-is-disposed").at);
    }
    static const enum outcome outcomes[] = {OUTCOME_CREATED, OUTCOME_DUPLICATE};
    for (size_t i = 0; i < 2; i++) {
        struct item *item = decided(outcomes[i]);
        item->record = SPAN(CLIENT);
        expect_nest(prepared(item, REPLY_AS_ASKED), true, NULL);
    }
}
END_TEST

/* A smaller form has them, too, without what its value does not have, and without what is left of the echoes. */
START_TEST(nest_headers_are_on_smaller_forms)
{
    static const struct header given[] = {{{"correlation-id", 14}, {"c", 1}}, {{"traceparent", 11}, {"t", 1}}};
    struct violation violation = {.code = ERROR_REQUIRED, .path = SPAN("/email"), .message = SPAN("must be there")};
    open_nest("replies.nest=errors");
    struct item *item = rejected(ERROR_VALIDATION_FAILED);
    item->violations = &violation;
    item->headers = given;
    item->header_count = 2;
    expect_nest(prepared(item, REPLY_AS_ASKED), true,
                "{\"code\":\"validation_failed\",\"message\":\"says why\",\"retryable\":false,\"errors\":["
                "{\"path\":\"/email\",\"code\":\"required\",\"message\":\"must be there\"}]}");
    expect_span(sent(item, "traceparent"), "t");
    for (enum form form = FORM_MINIMAL; form <= FORM_KEYLESS; form++) {
        item->reply_form = form;
        reply_recompose(item, evaluating.config, &evaluating.batch.arena);
        expect_nest(item, true, "{\"code\":\"validation_failed\",\"message\":\"says why\",\"retryable\":false}");
        ck_assert_ptr_null(sent(item, "correlation-id").at);
        ck_assert_ptr_null(sent(item, "traceparent").at);
    }
}
END_TEST

/* The named topic may be refused, or come back, between two tries. */
START_TEST(nest_headers_follow_the_route)
{
    open_nest("replies.nest=errors");
    struct item *item = rejected(ERROR_TOO_LARGE);
    const char *error = "{\"code\":\"too_large\",\"message\":\"says why\",\"retryable\":false}";
    expect_nest(prepared(item, REPLY_AS_ASKED), true, error);
    uint32_t count = item->reply_header_count;
    item->reply_absence = REPLY_TOPIC_REFUSED;
    reply_recompose(item, evaluating.config, &evaluating.batch.arena);
    expect_nest(item, false, NULL);
    ck_assert_uint_eq(item->reply_header_count, count - 2);
    item->reply_absence = REPLY_AS_ASKED;
    reply_recompose(item, evaluating.config, &evaluating.batch.arena);
    expect_nest(item, true, error);
}
END_TEST

/* ---- dead letters ---- */

START_TEST(test_dead_letter)
{
    struct header headers[REPLY_HEADERS];
    static const char *const expected[][2] = {
        {"dlq-topic", "clients.commands"},  {"dlq-partition", "3"},         {"dlq-offset", "17"},
        {"dlq-timestamp", "1795415880123"}, {"dlq-code", "malformed_json"}, {"dlq-message", "says why"},
    };
    struct item *item = rejected(ERROR_MALFORMED_JSON);
    ck_assert_uint_eq(dead_letter_headers(item, &evaluating.batch.arena, headers), 6);
    for (size_t i = 0; i < 6; i++) {
        expect_span(headers[i].name, expected[i][0]);
        expect_span(headers[i].value, expected[i][1]);
    }
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++)
        ck_assert_int_eq(error_is_dead_letter(error), error == ERROR_MALFORMED_JSON || error == ERROR_TOO_LARGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reply");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_evaluating, close_evaluating);
    tcase_add_test(tests, test_created);
    tcase_add_test(tests, test_duplicate);
    tcase_add_test(tests, test_email_taken);
    tcase_add_test(tests, test_every_code);
    tcase_add_test(tests, test_without_workspace);
    tcase_add_test(tests, test_extreme_position);
    tcase_add_test(tests, test_headers_of_a_duplicate);
    tcase_add_test(tests, test_headers_of_a_minimal_reply);
    tcase_add_test(tests, test_value_of_a_minimal_reply);
    tcase_add_test(tests, test_size_of_the_smallest_reply);
    tcase_add_test(tests, test_all_echoes);
    tcase_add_loop_test(tests, nest_headers_are_on_replies_to_a_named_topic_only, 0,
                        sizeof(nest_rows) / sizeof(nest_rows[0]));
    tcase_add_test(tests, nest_error_is_on_every_rejection_and_on_no_client);
    tcase_add_test(tests, nest_headers_are_on_smaller_forms);
    tcase_add_test(tests, nest_headers_follow_the_route);
    tcase_add_test(tests, test_dead_letter);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
