/* otlp: requests have the shape of OTLP's JSON encoding, and what a receiver's answers mean. jansson reads the
 * requests; tests/lib/trace_receiver.py judges those of the whole program. */
#include "tests/unit/evaluating.h"

#include <jansson.h>

#include "worker/tracing/otlp.h"
#include "worker/tracing/otlp_answer.h"
#include "worker/tracing/tracing_secret.h"

#define MIB           ((size_t)1 << 20)
#define BEGAN_NS      INT64_C(1795415880123456789)
#define COUNT(list)   (sizeof(list) / sizeof((list)[0]))
#define RECEIVER_MOST (20 * MIB) /* OTLP: what a receiver need not refuse */

static const struct otlp_source source = {
    .service = {"intake", 6},
    .instance = {"client-intake-\"1\"", 17},
    .host = {"", 0},
    .process = 42,
    .topic = {"clients.commands", 16},
    .group = {"group", 5},
};

static struct arena arena;
static struct trace_link links[1000];
static json_t *root;
static struct config *config;

static void open_arena(void)
{
    ck_assert_int_eq(arena_open(&arena, 64 * MIB), 0);
    for (size_t i = 0; i < COUNT(links); i++) {
        links[i] =
            (struct trace_link){.partition = (int32_t)(i % 3), .offset = (int64_t)(INT64_C(1) << 60) + (int64_t)i};
        memset(links[i].parent.trace, 0xab, TRACE_ID_BYTES);
        memset(links[i].parent.span, 0xcd, SPAN_ID_BYTES);
        links[i].parent.flags = TRACE_FLAG_SAMPLED;
    }
}

static void close_arena(void)
{
    json_decref(root);
    arena_close(&arena);
}

/* A committed batch with all stages, a millisecond each. */
static struct trace batch_of(uint32_t commands, uint32_t link_count)
{
    struct trace trace = {.thread = 3,
                          .commands = commands,
                          .partition = commands > 1 ? -1 : 2,
                          .offset = 77,
                          .began_ns = BEGAN_NS,
                          .ended_ns = BEGAN_NS + 6000000,
                          .stage_count = BATCH_STAGES,
                          .link_count = link_count,
                          .links = links};
    trace.outcomes[OUTCOME_CREATED] = commands;
    for (unsigned i = 0; i < BATCH_STAGES; i++)
        trace.stages[i] = (struct trace_stage){
            .stage = (enum batch_stage)i, .began_ns = BEGAN_NS + i * 1000000, .ended_ns = BEGAN_NS + (i + 1) * 1000000};
    return trace;
}

/* The spans of a request with these traces. */
static const json_t *spans_of(struct trace *const *traces, size_t count)
{
    json_error_t error;
    json_decref(root);
    arena_reset(&arena, 0);
    const struct span request = otlp_request(&arena, &source, traces, count);
    root = json_loadb(request.at, request.length, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s at %d: %.*s", error.text, error.position, SPAN_FORMAT(request));
    const json_t *resource = json_array_get(json_object_get(root, "resourceSpans"), 0);
    return json_object_get(json_array_get(json_object_get(resource, "scopeSpans"), 0), "spans");
}

static const json_t *spans_of_one(struct trace *trace)
{
    return spans_of(&(struct trace *){trace}, 1);
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    ck_assert_msg(text != NULL, "no text %s", member);
    return text;
}

/* The value of an attribute as text, "-" if there is none. */
static const char *attribute(const json_t *owner, const char *key)
{
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(owner, "attributes"), index, entry)
    {
        const json_t *value = json_object_get(entry, "value");
        if (strcmp(text_of(entry, "key"), key) != 0)
            continue;
        ck_assert_uint_eq(json_object_size(value), 1);
        return json_object_get(value, "intValue") ? text_of(value, "intValue") : text_of(value, "stringValue");
    }
    return "-";
}

START_TEST(a_batch_is_a_span_with_its_stages)
{
    struct trace trace = batch_of(20, 2);
    const json_t *spans = spans_of_one(&trace), *batch = json_array_get(spans, 0);
    ck_assert_uint_eq(json_array_size(spans), 1 + BATCH_STAGES);
    ck_assert_str_eq(text_of(batch, "name"), "process clients.commands");
    ck_assert_int_eq(json_integer_value(json_object_get(batch, "kind")), 5);
    ck_assert_str_eq(text_of(batch, "startTimeUnixNano"), "1795415880123456789");
    ck_assert_str_eq(text_of(batch, "endTimeUnixNano"), "1795415880129456789");
    ck_assert_ptr_null(json_object_get(batch, "parentSpanId"));
    ck_assert_ptr_null(json_object_get(batch, "status"));
    ck_assert_str_eq(attribute(batch, "messaging.system"), "kafka");
    ck_assert_str_eq(attribute(batch, "messaging.operation.name"), "process");
    ck_assert_str_eq(attribute(batch, "messaging.operation.type"), "process");
    ck_assert_str_eq(attribute(batch, "messaging.destination.name"), "clients.commands");
    ck_assert_str_eq(attribute(batch, "messaging.consumer.group.name"), "group");
    ck_assert_str_eq(attribute(batch, "messaging.batch.message_count"), "20");
    ck_assert_str_eq(attribute(batch, "messaging.destination.partition.id"), "-");
    ck_assert_str_eq(attribute(batch, "client_intake.commands.created"), "20");
    for (size_t i = 1; i <= BATCH_STAGES; i++) {
        const json_t *stage = json_array_get(spans, i);
        ck_assert_str_eq(text_of(stage, "traceId"), text_of(batch, "traceId"));
        ck_assert_str_eq(text_of(stage, "parentSpanId"), text_of(batch, "spanId"));
        ck_assert_str_ne(text_of(stage, "spanId"), text_of(batch, "spanId"));
        ck_assert_int_eq(json_integer_value(json_object_get(stage, "kind")), i == BATCH_STAGES ? 3 : 1);
    }
    ck_assert_str_eq(text_of(json_array_get(spans, 1), "name"), "decode");
    ck_assert_str_eq(text_of(json_array_get(spans, 6), "name"), "commit clients.commands");
    ck_assert_str_eq(attribute(json_array_get(spans, 6), "messaging.operation.type"), "settle");
}
END_TEST

START_TEST(links_name_parents_and_places)
{
    struct trace trace = batch_of(20, 2);
    links[1].state = SPAN("a=\"b\\\",c=d");
    const json_t *list = json_object_get(json_array_get(spans_of_one(&trace), 0), "links");
    ck_assert_uint_eq(json_array_size(list), 2);
    const json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    ck_assert_str_eq(text_of(first, "traceId"), "abababababababababababababababab");
    ck_assert_str_eq(text_of(first, "spanId"), "cdcdcdcdcdcdcdcd");
    ck_assert_int_eq(json_integer_value(json_object_get(first, "flags")), 0x301);
    ck_assert_ptr_null(json_object_get(first, "traceState"));
    ck_assert_str_eq(text_of(second, "traceState"), "a=\"b\\\",c=d");
    ck_assert_str_eq(attribute(second, "messaging.destination.partition.id"), "1");
    ck_assert_str_eq(attribute(second, "messaging.kafka.offset"), "1152921504606846977");
    /* one partition: it is the span's */
    trace.partition = 1;
    const json_t *batch = json_array_get(spans_of_one(&trace), 0);
    ck_assert_str_eq(attribute(batch, "messaging.destination.partition.id"), "1");
    ck_assert_str_eq(
        attribute(json_array_get(json_object_get(batch, "links"), 1), "messaging.destination.partition.id"), "-");
    /* some did not fit */
    trace.links_left_out = 4000000000;
    batch = json_array_get(spans_of_one(&trace), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(batch, "droppedLinksCount")), 4000000000);
}
END_TEST

START_TEST(one_command_is_no_batch)
{
    struct trace trace = batch_of(1, 1);
    const json_t *batch = json_array_get(spans_of_one(&trace), 0);
    ck_assert_str_eq(attribute(batch, "messaging.batch.message_count"), "-");
    ck_assert_str_eq(attribute(batch, "messaging.kafka.offset"), "77");
    ck_assert_str_eq(attribute(batch, "messaging.destination.partition.id"), "2");
    ck_assert_ptr_null(json_object_get(json_array_get(json_object_get(batch, "links"), 0), "attributes"));
}
END_TEST

START_TEST(a_failure_has_a_status_and_an_error)
{
    struct trace trace = batch_of(20, 2);
    trace.end = TRACE_CONSUMER_CLOSED;
    trace.stages[5].failed = true;
    trace.stages_left_out = 7;
    const json_t *spans = spans_of_one(&trace), *batch = json_array_get(spans, 0), *commit = json_array_get(spans, 6);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(batch, "status"), "code")), 2);
    ck_assert_str_eq(attribute(batch, "error.type"), "consumer_closed");
    ck_assert_str_eq(attribute(batch, "client_intake.commands.created"), "-");
    ck_assert_str_eq(attribute(batch, "client_intake.stages.left_out"), "7");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(commit, "status"), "code")), 2);
    ck_assert_str_eq(attribute(commit, "error.type"), "not_completed");
    trace.end = TRACE_STOPPED;
    ck_assert_str_eq(attribute(json_array_get(spans_of_one(&trace), 0), "error.type"), "stopped");
}
END_TEST

START_TEST(each_trace_has_ids_of_its_own)
{
    struct trace one = batch_of(1, 1), two = batch_of(2, 2);
    const json_t *spans = spans_of((struct trace *[]){&one, &two}, 2);
    ck_assert_uint_eq(json_array_size(spans), 2 * (1 + BATCH_STAGES));
    ck_assert_str_ne(text_of(json_array_get(spans, 0), "traceId"), text_of(json_array_get(spans, 7), "traceId"));
    const json_t *resource = json_object_get(json_array_get(json_object_get(root, "resourceSpans"), 0), "resource");
    ck_assert_str_eq(attribute(resource, "service.name"), "intake");
    ck_assert_str_eq(attribute(resource, "service.instance.id"), "client-intake-\"1\"");
    ck_assert_str_eq(attribute(resource, "host.name"), "-");
    ck_assert_str_eq(attribute(resource, "process.pid"), "42");
}
END_TEST

/* As many traces as a request may have, by their bytes and by their spans, with the longest of everything. */
START_TEST(the_largest_request_fits)
{
    char state[TRACE_STATE_BYTES];
    memset(state, '"', sizeof(state));
    for (int with_states = 0; with_states < 2; with_states++) {
        static struct trace *traces[512];
        size_t bytes = 0, count = 0;
        for (size_t i = 0; i < COUNT(links); i++)
            links[i].state = with_states ? span_of(state, sizeof(state)) : SPAN_NONE;
        struct trace trace = batch_of(1000, COUNT(links));
        trace.stage_count = TRACE_STAGES;
        for (unsigned i = 0; i < TRACE_STAGES; i++)
            trace.stages[i] = (struct trace_stage){STAGE_COMMIT, true, BEGAN_NS, BEGAN_NS};
        while (bytes < 2 * MIB && count < 16) {
            traces[count] = trace_copy(&trace);
            ck_assert_ptr_nonnull(traces[count]);
            bytes += traces[count++]->bytes;
        }
        arena_reset(&arena, 0);
        const struct span request = otlp_request(&arena, &source, traces, count);
        ck_assert_uint_lt(request.length, RECEIVER_MOST);
        while (count > 0)
            free(traces[--count]);
    }
}
END_TEST

/* ---- answers ---- */

/* A token of 420 bytes, as a JWT is, and shorter secrets. */
static char token[421];

static void open_config(void)
{
    char headers[600];
    for (size_t i = 0; i < sizeof(token) - 1; i++)
        token[i] = "abcdefghijklmnopqrstuvwxyz0123456789-_+/"[(i * i + i / 3) % 40];
    snprintf(headers, sizeof(headers),
             "tracing.headers=Authorization=Bearer %s, X-Pin=Basic 4711, X-Scope=zz, X-None=", token);
    const char *const settings[] = {headers, "tracing.endpoint=http://127.0.0.1/a-path/v1/traces?key=query-key", NULL};
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
}

static void close_config(void)
{
    config_free(config);
}

/* What is shown of this message. */
static const char *shown_of(const char *before, struct span secret, const char *after)
{
    static struct otlp_answer answer;
    char body[4096];
    snprintf(body, sizeof(body), "{\"message\":\"%s%.*s%s\"}", before, (int)secret.length, secret.at, after);
    answer = otlp_answer_read(401, span_of_text(body), config);
    return answer.message;
}

START_TEST(a_message_that_gives_a_secret_away_is_left_out)
{
    char filler[OTLP_MESSAGE_BYTES + 8] = "";
    /* Of its beginning, and of its end. */
    for (size_t length = 8; length < sizeof(token); length += 103) {
        ck_assert_str_eq(shown_of("invalid token ", span_of(token, length), ""), "");
        ck_assert_str_eq(shown_of("invalid token ", span_of(token + sizeof(token) - 1 - length, length), "!"), "");
    }
    ck_assert_uint_eq(strlen(shown_of("", span_of(token, 7), "")), 7); /* too little of it */
    for (size_t shown = 1; shown < 20; shown++) {                      /* the message is cut within the secret */
        memset(filler, '.', OTLP_MESSAGE_BYTES - 1 - shown);
        filler[OTLP_MESSAGE_BYTES - 1 - shown] = '\0';
        ck_assert_str_eq(shown_of(filler, span_of_text(token), ""), "");
    }
    memset(filler, '.', OTLP_MESSAGE_BYTES + 7);
    ck_assert_uint_eq(strlen(shown_of(filler, span_of_text(token), "")), OTLP_MESSAGE_BYTES - 1);
    ck_assert_str_eq(shown_of("the pin ", SPAN("4711"), " is wrong"), "");
    ck_assert_str_eq(shown_of("the pin ", SPAN("14711"), " is wrong"), "the pin 14711 is wrong");
    ck_assert_str_eq(shown_of("scope ", SPAN("zz"), ""), "");
    ck_assert_str_eq(shown_of("no such ", SPAN("query-key"), ""), "");
    ck_assert_str_eq(shown_of("not here: ", SPAN("/a-path/v1"), ""), "");
    ck_assert_str_eq(shown_of("not here: ", SPAN("/v1/traces"), ""), "not here: /v1/traces");
}
END_TEST

static const struct {
    const char *endpoint, *shown;
} endpoints[] = {
    {"http://127.0.0.1:4318", "http://127.0.0.1:4318"},
    {"http://127.0.0.1:4318/", "http://127.0.0.1:4318/"},
    {"https://collector/v1/traces", "https://collector/v1/traces"},
    {"https://collector/v1/traces?key=secret", "https://collector/..."},
    {"https://collector?key=secret", "https://collector/..."},
    {"https://collector/receiver/secret/v1/traces", "https://collector/..."},
};

START_TEST(what_follows_the_host_is_not_shown)
{
    char setting[128], shown[128];
    snprintf(setting, sizeof(setting), "tracing.endpoint=%s", endpoints[_i].endpoint);
    struct config *other = config_read(&(struct config_sources){.settings = (const char *const[]){setting, NULL}});
    ck_assert_ptr_nonnull(other);
    tracing_secret_hide(other, shown, sizeof(shown));
    ck_assert_str_eq(shown, endpoints[_i].shown);
    config_free(other);
}
END_TEST

static const struct {
    long status;
    const char *body;
    enum otlp_verdict verdict;
    uint64_t rejected;
    const char *message;
} answers[] = {
    {200, "", OTLP_ACCEPTED, 0, ""},
    {200, "{}", OTLP_ACCEPTED, 0, ""},
    {200, "{\"partialSuccess\":{}}", OTLP_ACCEPTED, 0, ""},
    {200, "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"no\"}}", OTLP_ACCEPTED, 3, "no"},
    {200, "{\"partialSuccess\":{\"rejectedSpans\":3}}", OTLP_ACCEPTED, 3, ""},
    {200, "{\"partialSuccess\":{\"rejectedSpans\":\"-3\"}}", OTLP_ACCEPTED, 0, ""},
    {200, "{\"partialSuccess\":{\"rejectedSpans\":[],\"errorMessage\":7}}", OTLP_ACCEPTED, 0, ""},
    {200, "{\"partialSuccess\":{\"rejectedSpans\":\"0\",\"errorMessage\":\"a hint\"}}", OTLP_ACCEPTED, 0, "a hint"},
    {200, "{\"partialSuccess\":{\"rejectedSpans\":\"99999999999999999999\"}}", OTLP_ACCEPTED, INT64_MAX, ""},
    {200, "[1", OTLP_ACCEPTED, 0, ""},
    {202, "<html>", OTLP_ACCEPTED, 0, ""},
    {302, "", OTLP_REFUSED, 0, ""},
    {400, "{\"message\":\"bad\"}", OTLP_REFUSED, 0, "bad"},
    {400, "\"message\"", OTLP_REFUSED, 0, ""},
    {401, "", OTLP_REFUSED, 0, ""},
    {404, "", OTLP_REFUSED, 0, ""},
    {408, "", OTLP_REFUSED, 0, ""},
    {413, "", OTLP_REFUSED, 0, ""},
    {429, "{\"message\":\"slower\"}", OTLP_LATER, 0, "slower"},
    {500, "", OTLP_REFUSED, 0, ""},
    {502, "", OTLP_LATER, 0, ""},
    {503, "", OTLP_LATER, 0, ""},
    {504, "", OTLP_LATER, 0, ""},
    {505, "", OTLP_REFUSED, 0, ""},
};

START_TEST(an_answer_means_what_the_specification_says)
{
    const struct otlp_answer answer = otlp_answer_read(answers[_i].status, span_of_text(answers[_i].body), config);
    ck_assert_int_eq(answer.verdict, answers[_i].verdict);
    ck_assert_uint_eq(answer.rejected, answers[_i].rejected);
    ck_assert_str_eq(answer.message, answers[_i].message);
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
    char body[2048] = "{\"message\":\"a";
    for (int i = 0; i < 500; i++)
        strcat(body, "\xc3\xa9");
    strcat(body, "\"}");
    const struct otlp_answer answer = otlp_answer_read(400, span_of_text(body), config);
    ck_assert_uint_eq(strlen(answer.message), OTLP_MESSAGE_BYTES - 1);
    ck_assert_int_eq(memcmp(answer.message + strlen(answer.message) - 2, "\xc3\xa9", 2), 0);
    memmove(body + 12, body + 13, strlen(body + 12)); /* without the first character, the limit is within one */
    const struct otlp_answer other = otlp_answer_read(400, span_of_text(body), config);
    ck_assert_uint_eq(strlen(other.message), OTLP_MESSAGE_BYTES - 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("otlp");
    TCase *tests = tcase_create("otlp");
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_add_checked_fixture(tests, open_config, close_config);
    tcase_add_test(tests, a_batch_is_a_span_with_its_stages);
    tcase_add_test(tests, links_name_parents_and_places);
    tcase_add_test(tests, one_command_is_no_batch);
    tcase_add_test(tests, a_failure_has_a_status_and_an_error);
    tcase_add_test(tests, each_trace_has_ids_of_its_own);
    tcase_add_test(tests, the_largest_request_fits);
    tcase_add_loop_test(tests, an_answer_means_what_the_specification_says, 0, COUNT(answers));
    tcase_add_test(tests, a_long_message_is_cut_between_characters);
    tcase_add_test(tests, a_message_that_gives_a_secret_away_is_left_out);
    tcase_add_loop_test(tests, what_follows_the_host_is_not_shown, 0, COUNT(endpoints));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
