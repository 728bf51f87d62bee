/* Values that are no valid commands: each is answered and stops no partition, and what cannot be read goes to the dead
 * letters as it came. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

struct hostile {
    const char *what;
    struct span value;  /* at == NULL: a tombstone */
    const char *repeat; /* else: this, so often, between value and end */
    size_t times;
    const char *end;
    const char *verdict;
    bool dead_letter;
};

static const struct hostile hostile[] = {
    {"null value", {NULL, 0}, NULL, 0, NULL, "malformed_json", true},
    {"empty value", {"", 0}, NULL, 0, NULL, "malformed_json", true},
    {"not JSON", {"hello", 5}, NULL, 0, NULL, "malformed_json", true},
    {"truncated", {"{\"commandId\":\"x", 15}, NULL, 0, NULL, "malformed_json", true},
    {"invalid UTF-8", {"{\"a\":\"\xff\xfe\"}", 10}, NULL, 0, NULL, "malformed_json", true},
    {"lone surrogate", {"{\"a\":\"\\ud800\"}", 14}, NULL, 0, NULL, "malformed_json", true},
    {"duplicate member", {"{\"a\":1,\"a\":2}", 13}, NULL, 0, NULL, "malformed_json", true},
    {"an array", {"[]", 2}, NULL, 0, NULL, "malformed_json", true},
    {"a NUL byte", {"\0", 1}, NULL, 0, NULL, "malformed_json", true},
    {"1,000 deep", {"{\"a\":", 5}, "[", 1000, "", "malformed_json", true},
    {"over the limit", {"{\"a\":\"", 6}, "x", 300000, "\"}", "too_large", true},
    {"10,000 unknown members", {"{\"workspaceId\":\"acme\"", 21}, ",\"%zu\":1", 10000, "}", "validation_failed", false},
    {"1e400",
     {"{\"workspaceId\":\"acme\",\"customFields\":{\"seats\":1e400}}", 53},
     NULL,
     0,
     NULL,
     "validation_failed",
     false},
    {"wrong types everywhere",
     {"{\"workspaceId\":1,\"commandId\":[],\"givenName\":{},\"familyName\":true,\"email\":[null],\"customFields\":"
      "\"x\"}",
      99},
     NULL,
     0,
     NULL,
     "validation_failed",
     false},
};

static struct span hostile_value(const struct hostile *row)
{
    if (!row->repeat)
        return row->value;
    size_t capacity = row->value.length + row->times * (strlen(row->repeat) + 8) + strlen(row->end) + 1;
    char *text = malloc(capacity);
    memcpy(text, row->value.at, row->value.length);
    size_t length = row->value.length;
    bool counted = strchr(row->repeat, '%') != NULL;
    for (size_t i = 0; i < row->times; i++) {
        if (counted)
            length += (size_t)sprintf(text + length, ",\"%zu\":1", i);
        else
            text[length++] = row->repeat[0];
    }
    memcpy(text + length, row->end, strlen(row->end));
    return span_of(text, length + strlen(row->end));
}

#define HOSTILE_COUNT (sizeof(hostile) / sizeof(hostile[0]))

/* All in one partition, a valid command behind each, which shows that the partition goes on. */
START_TEST(hostile_input_is_answered_and_never_stops_a_partition)
{
    struct span values[HOSTILE_COUNT];
    size_t dead = 0;
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        values[i] = hostile_value(&hostile[i]);
        fixture_send(0, SPAN("acme"), values[i], NULL);
        fixture_send_valid(0, (int)i);
        dead += hostile[i].dead_letter;
    }
    const char *settings[] = {"kafka.producer.message.max.bytes=20000000",
                              "kafka.consumer.fetch.message.max.bytes=20000000", NULL};
    fixture_start("at-least-once", settings);

    rd_kafka_message_t *messages[2 * HOSTILE_COUNT];
    ck_assert_uint_eq(fixture_read("clients.replies", messages, 2 * HOSTILE_COUNT), 2 * HOSTILE_COUNT);
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        ck_assert_msg(strcmp(reply_verdict(messages[2 * i]), hostile[i].verdict) == 0, "%s: %s", hostile[i].what,
                      reply_verdict(messages[2 * i]));
        ck_assert_str_eq(reply_verdict(messages[2 * i + 1]), "created");
    }
    fixture_forget(messages, 2 * HOSTILE_COUNT);

    ck_assert_uint_eq(fixture_read("clients.dead-letters", messages, dead), dead);
    size_t next = 0;
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        if (!hostile[i].dead_letter)
            continue;
        const rd_kafka_message_t *letter = messages[next++];
        struct span value = span_of(letter->payload, letter->len);
        ck_assert_msg((letter->payload == NULL) == (values[i].at == NULL), "%s: null for null", hostile[i].what);
        ck_assert_msg(span_equal(value, values[i]), "%s: byte for byte", hostile[i].what);
        ck_assert(span_equal(span_of(letter->key, letter->key_len), SPAN("acme")));
        char offset[16];
        snprintf(offset, sizeof(offset), "%zu", 2 * i);
        ck_assert(span_equal(message_header(letter, "dlq-offset"), span_of_text(offset)));
        ck_assert(span_equal(message_header(letter, "dlq-code"), span_of_text(hostile[i].verdict)));
        ck_assert(span_equal(message_header(letter, "dlq-topic"), SPAN("clients.commands")));
    }
    fixture_forget(messages, dead);
    fixture_stop();
    for (size_t i = 0; i < HOSTILE_COUNT; i++)
        if (hostile[i].repeat)
            free((char *)(uintptr_t)values[i].at);
}
END_TEST

/* By itself, since the embedded broker keeps 5 MiB of a partition only. */
START_TEST(ten_megabytes_are_answered)
{
    const struct hostile row = {"10 MB", {"{\"a\":\"", 6}, "x", 10000000, "\"}", "too_large", true};
    struct span value = hostile_value(&row);
    const char *settings[] = {"kafka.producer.message.max.bytes=20000000",
                              "kafka.consumer.fetch.message.max.bytes=20000000", NULL};
    fixture_send(1, SPAN("acme"), value, NULL);
    fixture_start("at-least-once", settings);
    rd_kafka_message_t *message;
    ck_assert_uint_eq(fixture_read("clients.replies", &message, 1), 1);
    ck_assert_str_eq(reply_verdict(message), "too_large");
    fixture_forget(&message, 1);
    ck_assert_uint_eq(fixture_read("clients.dead-letters", &message, 1), 1);
    ck_assert(span_equal(span_of(message->payload, message->len), value));
    fixture_forget(&message, 1);
    fixture_stop();
    free((char *)(uintptr_t)value.at);
}
END_TEST

/* Librdkafka never has room for a message that is longer than its queue. */
START_TEST(what_is_longer_than_the_queue_of_the_producer_is_answered)
{
    const struct hostile row = {"300 KB", {"{\"a\":\"", 6}, "x", 300000, "\"}", "too_large", true};
    struct span value = hostile_value(&row);
    const char *settings[] = {"kafka.producer.queue.buffering.max.kbytes=100", NULL};
    fixture_send_valid(0, 1);
    fixture_send(0, SPAN("acme"), value, NULL);
    fixture_send_valid(0, 2);
    fixture_start("at-least-once", settings);
    rd_kafka_message_t *messages[3];
    ck_assert_uint_eq(fixture_read("clients.replies", messages, 3), 3);
    ck_assert_str_eq(reply_verdict(messages[0]), "created");
    ck_assert_str_eq(reply_verdict(messages[1]), "too_large");
    ck_assert_str_eq(reply_verdict(messages[2]), "created");
    fixture_forget(messages, 3);
    fixture_stop();
    free((char *)(uintptr_t)value.at);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile input");
    TCase *input = add_case(suite, "input");
    tcase_add_test(input, hostile_input_is_answered_and_never_stops_a_partition);
    tcase_add_test(input, ten_megabytes_are_answered);
    tcase_add_test(input, what_is_longer_than_the_queue_of_the_producer_is_answered);
    return side_by_side(suite, (const char *const[]){"input", NULL});
}
