/* Headers: what a reply echoes of its command, where the command sends it, and what it says to NestJS. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

START_TEST(headers_are_echoed_and_name_the_reply_topic)
{
    static char large[100000];
    memset(large, 'x', sizeof(large));
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    rd_kafka_header_add(headers, "kafka_correlationId", -1, "\x00\x01\xff", 3);
    rd_kafka_header_add(headers, "reply-topic", -1, "other.replies", -1);
    rd_kafka_header_add(headers, "kafka_replyPartition", -1, "\x00\x00\x00\x02", 4);
    rd_kafka_header_add(headers, "traceparent", -1, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", -1);
    rd_kafka_header_add(headers, "large", -1, large, sizeof(large));
    rd_kafka_header_add(headers, "null", -1, NULL, 0);
    rd_kafka_header_add(headers, "", 0, "no name", -1);
    fixture_send(1, SPAN("acme"),
                 SPAN("{\"commandId\":\"h\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","
                      "\"email\":\"a@example.com\"}"),
                 headers);
    fixture_start("at-least-once", NULL);
    rd_kafka_message_t *reply;
    ck_assert_uint_eq(fixture_read("other.replies", &reply, 1), 1);
    ck_assert_int_eq(reply->partition, 2);
    ck_assert_str_eq(reply_verdict(reply), "created");
    ck_assert(span_equal(message_header(reply, "kafka_correlationId"), span_of("\x00\x01\xff", 3)));
    ck_assert(span_equal(message_header(reply, "ce_type"), SPAN("client.created")));
    ck_assert(span_equal(message_header(reply, "ce_causationid"), SPAN("h")));
    ck_assert_ptr_nonnull(message_header(reply, "traceparent").at);
    ck_assert_ptr_null(message_header(reply, "large").at);
    fixture_forget(&reply, 1);
    fixture_stop();
}
END_TEST

#define PERSON "\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":"

/* What a NestJS client needs: with replies.nest=errors, on every kind of reply to a topic that the command names. */
static const struct {
    const char *topic; /* that the command names; NULL: none */
    const char *value; /* NULL: one over the limit */
    const char *verdict;
    bool is_duplicate;
} nest_rows[] = {
    {"other.replies", "{\"commandId\":\"n1\"," PERSON "\"n1@example.com\"}", "created", false},
    {"other.replies", "{\"commandId\":\"n1\"," PERSON "\"n1@example.com\"}", "created", true},
    {"other.replies", "{\"commandId\":\"n1\"," PERSON "\"other@example.com\"}", "command_id_conflict", false},
    {"other.replies", "{\"commandId\":\"n2\"," PERSON "\"N1@example.com\"}", "email_taken", false},
    {"other.replies", "{\"commandId\":\"n3\"," PERSON "\"not an email\"}", "validation_failed", false},
    {"other.replies", "{\"commandId\":\"n4\",\"type\":\"other\"," PERSON "\"n4@example.com\"}", "unsupported_type",
     false},
    {"other.replies", "{", "malformed_json", false},
    {"other.replies", NULL, "too_large", false},
    /* To replies.topic by its name, as the listed one that does not exist, and without a name. */
    {"clients.replies", "[1]", "malformed_json", false},
    {"missing.replies", "[2]", "malformed_json", false},
    {NULL, "[3]", "malformed_json", false},
};
#define NEST_COUNT      (sizeof(nest_rows) / sizeof(nest_rows[0]))
#define NEST_ELSEWHERE  8 /* to other.replies */
#define NEST_TO_DEFAULT 3
#define DISPOSED        "kafka_nest-is-disposed"
#define NEST_ERROR      "kafka_nest-err"

/* The reply has the headers, and its error is that of the value. */
static void expect_nest_headers(const rd_kafka_message_t *reply, const char *verdict)
{
    struct span error = message_header(reply, NEST_ERROR), disposed = message_header(reply, DISPOSED);
    ck_assert_msg(span_equal(disposed, span_of("\0", 1)), "%s", verdict);
    if (strcmp(verdict, "created") == 0) {
        ck_assert_ptr_null(error.at);
        return;
    }
    char beginning[64];
    snprintf(beginning, sizeof(beginning), "{\"code\":\"%s\",\"message\":\"", verdict);
    ck_assert_msg(error.length > strlen(beginning) && memcmp(error.at, beginning, strlen(beginning)) == 0, "%s: %.*s",
                  verdict, SPAN_FORMAT(error));
    static const char before[] = "\"error\":";
    const char *found = memmem(reply->payload, reply->len, before, strlen(before));
    ck_assert_ptr_nonnull(found);
    ck_assert(span_equal(error, span_of(found + strlen(before), error.length)));
    ck_assert_ptr_eq(found + strlen(before) + error.length + 1, (const char *)reply->payload + reply->len);
}

/* JSON of more than limits.command_bytes. To be freed. */
static char *value_over_the_limit(void)
{
    enum { LETTERS = 300000 };
    char *text = malloc(LETTERS + 16);
    ck_assert_ptr_nonnull(text);
    char *letters = stpcpy(text, "{\"a\":\"");
    memset(letters, 'x', LETTERS);
    strcpy(letters + LETTERS, "\"}");
    return text;
}

START_TEST(nest_gets_what_it_needs_on_every_kind_of_reply)
{
    const char *settings[] = {"replies.allowed=other.replies,missing.replies", "replies.nest=errors", NULL};
    char *large = value_over_the_limit();
    for (size_t i = 0; i < NEST_COUNT; i++) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
        if (nest_rows[i].topic) {
            rd_kafka_header_add(headers, "kafka_replyTopic", -1, nest_rows[i].topic, -1);
            rd_kafka_header_add(headers, "kafka_replyPartition", -1, "2", -1);
        }
        fixture_send(0, SPAN("acme"), span_of_text(nest_rows[i].value ? nest_rows[i].value : large), headers);
    }
    fixture_start("at-least-once", settings);
    rd_kafka_message_t *replies[NEST_ELSEWHERE];
    ck_assert_uint_eq(fixture_read("other.replies", replies, NEST_ELSEWHERE), NEST_ELSEWHERE);
    for (size_t i = 0; i < NEST_ELSEWHERE; i++) {
        ck_assert_int_eq(replies[i]->partition, 2);
        ck_assert_str_eq(reply_verdict(replies[i]), nest_rows[i].verdict);
        ck_assert_int_eq(message_header(replies[i], "duplicate").at != NULL, nest_rows[i].is_duplicate);
        expect_nest_headers(replies[i], nest_rows[i].verdict);
    }
    fixture_forget(replies, NEST_ELSEWHERE);
    ck_assert_uint_eq(fixture_read("clients.replies", replies, NEST_TO_DEFAULT), NEST_TO_DEFAULT);
    for (size_t i = 0; i < NEST_TO_DEFAULT; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        if (offset == NEST_ELSEWHERE) {
            expect_nest_headers(replies[i], "malformed_json");
            continue;
        }
        ck_assert_ptr_null(message_header(replies[i], DISPOSED).at);
        ck_assert_ptr_null(message_header(replies[i], NEST_ERROR).at);
    }
    fixture_forget(replies, NEST_TO_DEFAULT);
    fixture_stop();
    free(large);
}
END_TEST

/* A name is as long as the message says. One that only begins like a known name, with a NUL behind that, forges
 * nothing. */
START_TEST(header_name_with_a_nul_is_no_known_name)
{
    static const struct {
        struct span name, value;
    } forged[] = {
        {{"command-id\0x", 12}, {"forged", 6}},         {{"ce_id\0", 6}, {"forged", 6}},
        {{"workspace-id\0x", 14}, {"forged", 6}},       {{"correlation-id\0x", 16}, {"forged", 6}},
        {{"reply-topic\0", 12}, {"other.replies", 13}}, {{"ce_type\0x", 9}, {"forged", 6}},
    };
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
        rd_kafka_header_add(headers, forged[i].name.at, (ssize_t)forged[i].name.length, forged[i].value.at,
                            (ssize_t)forged[i].value.length);
    fixture_send(0, SPAN("acme"),
                 SPAN("{\"commandId\":\"mine\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","
                      "\"email\":\"a@example.com\"}"),
                 headers);
    fixture_start("at-least-once", NULL);
    rd_kafka_message_t *reply;
    ck_assert_uint_eq(fixture_read("clients.replies", &reply, 1), 1);
    ck_assert_str_eq(reply_verdict(reply), "created");
    ck_assert(span_equal(message_header(reply, "ce_causationid"), SPAN("mine")));
    ck_assert_ptr_null(message_header(reply, "correlation-id").at);
    static const char workspace[] = "\"workspaceId\":\"acme\"";
    ck_assert_ptr_nonnull(memmem(reply->payload, reply->len, workspace, strlen(workspace)));
    fixture_forget(&reply, 1);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reply headers");
    TCase *headers = add_case(suite, "headers");
    tcase_add_test(headers, headers_are_echoed_and_name_the_reply_topic);
    tcase_add_test(headers, nest_gets_what_it_needs_on_every_kind_of_reply);
    tcase_add_test(headers, header_name_with_a_nul_is_no_known_name);
    return side_by_side(suite, (const char *const[]){"headers", NULL});
}
