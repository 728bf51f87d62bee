/* The flow on the embedded broker: every command gets one reply, whatever it is and whatever happens around it. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/embedded/fixture.h"
#include "tests/embedded/side_by_side.h"
#include "tests/lib/quick_client.h"
#include "worker/model/batch.h"

/* ApiKeys of the Kafka protocol. */
enum {
    PRODUCE = 0,
    FIND_COORDINATOR = 10,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS = 24,
    ADD_OFFSETS = 25,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28
};

static void sleep_ms(int wait_ms)
{
    nanosleep(&(struct timespec){wait_ms / 1000, (wait_ms % 1000) * 1000000L}, NULL);
}

static void wait_for_count(enum metric metric, unsigned value, uint64_t least)
{
    size_t threads;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &threads);
    for (int waited = 0; metrics_get(metrics[0], metric, value) < least; waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        sleep_ms(20);
    }
}

static void wait_until_committed(uint64_t commands)
{
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, commands);
}

/* Expects `count` replies, no more, and those of each partition in the order of its commands. */
static void expect_replies_in_order(size_t count)
{
    rd_kafka_message_t **replies = calloc(count, sizeof(rd_kafka_message_t *));
    int64_t last[FIXTURE_PARTITIONS] = {-1, -1, -1};
    size_t found = fixture_read("clients.replies", replies, count);
    ck_assert_uint_eq(found, count);
    for (size_t i = 0; i < count; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        ck_assert_int_eq(offset, last[partition] + 1);
        last[partition] = offset;
    }
    fixture_forget(replies, count);
    free(replies);
}

START_TEST(every_command_gets_one_reply_in_the_order_of_its_partition)
{
    for (int i = 0; i < 300; i++)
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
    fixture_start("at-least-once", NULL);
    expect_replies_in_order(300);
    fixture_stop();
}
END_TEST

/* ---- hostile input ---- */

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

/* ---- headers ---- */

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

START_TEST(nest_gets_what_it_needs_on_every_kind_of_reply)
{
    const struct hostile row = {"over the limit", {"{\"a\":\"", 6}, "x", 300000, "\"}", "too_large", true};
    const char *settings[] = {"replies.allowed=other.replies,missing.replies", "replies.nest=errors", NULL};
    struct span large = hostile_value(&row);
    for (size_t i = 0; i < NEST_COUNT; i++) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
        if (nest_rows[i].topic) {
            rd_kafka_header_add(headers, "kafka_replyTopic", -1, nest_rows[i].topic, -1);
            rd_kafka_header_add(headers, "kafka_replyPartition", -1, "2", -1);
        }
        fixture_send(0, SPAN("acme"), nest_rows[i].value ? span_of_text(nest_rows[i].value) : large, headers);
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
    free((char *)(uintptr_t)large.at);
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

/* ---- faults of the world ---- */

START_TEST(redis_absent_at_start_is_waited_for)
{
    fixture_end_redis();
    for (int i = 0; i < 20; i++)
        fixture_send_valid(0, i);
    fixture_start("at-least-once", NULL);
    sleep_ms(1500);
    fixture_begin_redis();
    expect_replies_in_order(20);
    fixture_stop();
}
END_TEST

START_TEST(redis_going_away_rejects_nothing)
{
    fixture_start("at-least-once", NULL);
    fixture_send_valid(0, 0);
    wait_until_committed(1);
    fixture_end_redis();
    for (int i = 1; i < 20; i++)
        fixture_send_valid(0, i);
    sleep_ms(1500);
    fixture_begin_redis();
    rd_kafka_message_t *replies[20];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, 20), 20);
    for (size_t i = 0; i < 20; i++)
        ck_assert_str_eq(reply_verdict(replies[i]), "created");
    fixture_forget(replies, 20);
    fixture_stop();
}
END_TEST

START_TEST(it_stops_in_time_while_redis_is_away)
{
    fixture_end_redis();
    fixture_send_valid(0, 0);
    fixture_start("at-least-once", NULL);
    sleep_ms(500);
    fixture_stop();
}
END_TEST

START_TEST(the_broker_going_away_loses_nothing)
{
    fixture_start("at-least-once", NULL);
    for (int i = 0; i < 50; i++)
        fixture_send_valid(0, i);
    wait_until_committed(1); /* a member that was lost while it joined would be waited for */
    rd_kafka_mock_broker_set_down(fixture.broker.cluster, 1);
    sleep_ms(1500);
    rd_kafka_mock_broker_set_up(fixture.broker.cluster, 1);
    for (int i = 50; i < 100; i++)
        fixture_send_valid(0, i);
    wait_until_committed(100);
    /* What was under way then may come twice. */
    rd_kafka_message_t *replies[1000];
    bool seen[100] = {false};
    size_t found = fixture_read_all("clients.replies", replies, 1000);
    for (size_t i = 0; i < found; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        seen[offset] = true;
    }
    for (size_t i = 0; i < 100; i++)
        ck_assert_msg(seen[i], "command %zu has no reply", i);
    fixture_forget(replies, found);
    fixture_stop();
}
END_TEST

/* ---- at-least-once: what has arrived is not sent again ---- */

#define KEYS 6

/* Sends `count` commands, valid if the member is "familyName", to partition 0 in one request, which the embedded broker
 * gives to a reader at once: they are one batch of the worker. Their replies are spread over the partitions of their
 * topic. */
static void send_together(int count, const char *name_member)
{
    static const char *const keys[KEYS] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
    for (int i = 0; i < count; i++) {
        char value[256];
        int length = snprintf(value, sizeof(value),
                              "{\"commandId\":\"c%d\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"%s\":\"B\","
                              "\"email\":\"a%d@example.com\"}",
                              i, name_member, i);
        ck_assert_int_eq(rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC("clients.commands"),
                                           RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_KEY(keys[i % KEYS], strlen(keys[i % KEYS])),
                                           RD_KAFKA_V_VALUE(value, (size_t)length), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Expects one reply to each of `count` commands in partition 0. Returns how many say too_large. */
static int read_replies_once(size_t count)
{
    rd_kafka_message_t **replies = calloc(count, sizeof(rd_kafka_message_t *));
    int *seen = calloc(count, sizeof(*seen)), refused = 0;
    size_t found = fixture_read("clients.replies", replies, count);
    for (size_t i = 0; i < found && i < count; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        refused += strcmp(reply_verdict(replies[i]), "too_large") == 0;
        ck_assert_msg(++seen[offset] == 1, "command %d has two replies", (int)offset);
    }
    ck_assert_uint_eq(found, count);
    fixture_forget(replies, found);
    free(seen);
    free(replies);
    return refused;
}

/* The topic refuses one request of messages, of one of its three partitions, for its size. All commands are
 * there before the worker starts, so they are one batch, and the first request of messages is the worker's. */
START_TEST(what_has_arrived_is_not_sent_again_after_a_refusal)
{
    enum { COMMANDS = 60 };
    send_together(COMMANDS, "nickname");
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    fixture_start("at-least-once", NULL);
    ck_assert_int_eq(read_replies_once(COMMANDS), 0);
    fixture_stop();
}
END_TEST

/* A record is there before its reply says so: when the record topic refuses clients, no reply has said "created". The
 * first requests are of records, one for each partition at most; those after them are of single ones. What is
 * compressed teaches no sizes, so that the others are tried. So few refusals leave the last form of each reply, even if
 * only one request had all records, and the others meet one command: its client, its dead letter, two of its replies.
 */
START_TEST(refused_clients_have_one_reply_which_says_so)
{
    enum { COMMANDS = 60 };
    send_together(COMMANDS, "familyName");
    for (int i = 0; i < FIXTURE_PARTITIONS + 2; i++)
        rd_kafka_mock_push_request_errors(fixture.broker.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    const char *settings[] = {"kafka.producer.compression.codec=gzip", NULL};
    fixture_start("at-least-once", settings);
    int refused = read_replies_once(COMMANDS);
    ck_assert_int_ge(refused, 1);
    rd_kafka_message_t *records[COMMANDS];
    size_t found = fixture_read("clients.records", records, COMMANDS - (size_t)refused);
    ck_assert_uint_eq(found, COMMANDS - (size_t)refused);
    fixture_forget(records, found);
    fixture_stop();
}
END_TEST

/* More messages than are handed over at a time when they travel one by one. */
START_TEST(refusal_in_a_large_batch_leaves_one_reply_each)
{
    enum { COMMANDS = 3000 };
    send_together(COMMANDS, "nickname");
    for (int i = 0; i < FIXTURE_PARTITIONS; i++)
        rd_kafka_mock_push_request_errors(fixture.broker.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    fixture_start("at-least-once", NULL);
    ck_assert_int_eq(read_replies_once(COMMANDS), 0);
    fixture_stop();
}
END_TEST

/* ---- definitions.on_missing = wait ---- */

static void send_with_fields(int32_t partition, const char *workspace, int number)
{
    char command[256];
    int length = snprintf(command, sizeof(command),
                          "{\"commandId\":\"w%d\",\"workspaceId\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\","
                          "\"email\":\"w%d@example.com\",\"customFields\":{\"pronouns\":\"she\"}}",
                          number, workspace, number);
    /* One key for all, so that their replies share a partition, too. */
    fixture_send(partition, SPAN("together"), span_of(command, (size_t)length), NULL);
}

/* The partition of the waiting workspace stands still, the others do not; then all is answered in order. */
START_TEST(missing_definitions_are_waited_for_in_their_partition_only)
{
    const char *settings[] = {"definitions.on_missing=wait", "definitions.wait=60s", NULL};
    fixture_start("at-least-once", settings);
    for (int i = 0; i < 20; i++) {
        send_with_fields(0, i == 5 ? "later" : "acme", i);
        send_with_fields(1, "acme", 100 + i);
    }
    rd_kafka_message_t *replies[40];
    wait_for_count(METRIC_DEFINITIONS_WAITING, 0, 1);
    wait_until_committed(25);
    sleep_ms(1000); /* for a reply too many */
    size_t count = fixture_read_all("clients.replies", replies, 40);
    ck_assert_uint_eq(count, 25);
    fixture_forget(replies, count);
    fixture_define("later");
    for (int i = 20; i < 25; i++)
        send_with_fields(0, "acme", i);
    expect_replies_in_order(45);
    fixture_stop();
}
END_TEST

/* Gives the workspace a set that takes a third of a MiB once it is compiled. */
static void define_large(const char *workspace)
{
    enum { OPTIONS = 4000 };
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    ck_assert_ptr_nonnull(out);
    fprintf(out, "[{\"key\":\"services\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < OPTIONS; i++)
        fprintf(out, "%s{\"key\":\"option-%d\"}", i > 0 ? "," : "", i);
    fprintf(out, "]}]");
    fclose(out);
    redisContext *connection = redisConnectUnix(fixture.redis.address + strlen("unix:"));
    redisReply *reply = redisCommand(connection, "SET custom-fields:{%s} %b", workspace, json, size);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(connection);
    free(json);
}

START_TEST(a_batch_whose_definitions_have_no_room_is_split)
{
    enum { WORKSPACES = 12, COMMANDS = 2 * WORKSPACES };
    char text[256], workspace[16];
    size_t threads;
    for (int i = 0; i < COMMANDS; i++) {
        snprintf(workspace, sizeof(workspace), "ws-%d", i % WORKSPACES);
        if (i < WORKSPACES)
            define_large(workspace);
        snprintf(text, sizeof(text),
                 "{\"commandId\":\"large-%d\",\"workspaceId\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\","
                 "\"email\":\"large%d@example.com\",\"customFields\":{\"services\":[\"option-%d\"]}}",
                 i, workspace, i, i);
        fixture_send(0, SPAN_NONE, span_of_text(text), NULL);
    }
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", "definitions.cache_bytes=1MiB", NULL});
    wait_until_committed(COMMANDS);
    struct metrics *const *metrics = workers_metrics(fixture.workers, &threads);
    ck_assert_uint_ge(metrics_get(metrics[0], METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), 4);
    rd_kafka_message_t *replies[COMMANDS];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, COMMANDS), COMMANDS);
    fixture_forget(replies, COMMANDS);
    fixture_stop();
}
END_TEST

START_TEST(the_wait_for_definitions_has_a_limit)
{
    const char *settings[] = {"definitions.on_missing=wait", "definitions.wait=2s", NULL};
    fixture_start("at-least-once", settings);
    for (int i = 0; i < 10; i++)
        send_with_fields(0, "never", i);
    rd_kafka_message_t *replies[10];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, 10), 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert_str_eq(reply_verdict(replies[i]), "definitions_missing");
    fixture_forget(replies, 10);
    send_with_fields(0, "acme", 11);
    expect_replies_in_order(11);
    fixture_stop();
}
END_TEST

START_TEST(it_stops_in_time_while_a_partition_waits)
{
    const char *settings[] = {"definitions.on_missing=wait", "definitions.wait=60s", NULL};
    send_with_fields(0, "never", 1);
    fixture_start("at-least-once", settings);
    wait_for_count(METRIC_DEFINITIONS_WAITING, 0, 1);
    fixture_stop();
}
END_TEST

/* ---- errors of the transactional API, injected ---- */

struct injection {
    const char *what;
    int16_t api; /* ApiKey of the Kafka protocol */
    rd_kafka_resp_err_t code;
};

static const struct injection injections[] = {
    {"FindCoordinator: not available", FIND_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
    {"InitProducerId: coordinator loading", INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
    {"AddPartitionsToTxn: concurrent transactions", ADD_PARTITIONS, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS},
    {"AddPartitionsToTxn: fenced", ADD_PARTITIONS, RD_KAFKA_RESP_ERR_PRODUCER_FENCED},
    {"AddOffsetsToTxn: not coordinator", ADD_OFFSETS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR},
    {"AddOffsetsToTxn: invalid transaction state", ADD_OFFSETS, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE},
    {"TxnOffsetCommit: illegal generation", TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION},
    {"TxnOffsetCommit: unknown member", TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID},
    {"TxnOffsetCommit: rebalance", TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS},
    {"TxnOffsetCommit: fenced instance", TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID},
    {"EndTxn: coordinator not available", END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
    {"EndTxn: fenced", END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED},
    {"EndTxn: disconnect", END_TXN, RD_KAFKA_RESP_ERR__TRANSPORT},
};

#define INJECTION_COUNT (sizeof(injections) / sizeof(injections[0]))

/* The mock cluster shows aborted messages too, so more replies than commands may be seen; none may be missing, and all
 * replies to a command must be equal.
 *
 * The replies of the commands so far, each "created". Returns the first command without one, or `count`. */
static size_t find_unanswered(bool *seen, size_t count)
{
    rd_kafka_message_t *replies[1000];
    size_t found = fixture_read_all("clients.replies", replies, 1000), first = 0;
    for (size_t i = 0; i < found; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        ck_assert_str_eq(reply_verdict(replies[i]), "created");
        seen[offset] = true;
    }
    fixture_forget(replies, found);
    while (first < count && seen[first])
        first++;
    return first;
}

START_TEST(no_injected_error_stops_the_worker)
{
    fixture_start("exactly-once", NULL);
    fixture_send_valid(0, 0);
    wait_until_committed(1);
    for (size_t i = 0; i < INJECTION_COUNT; i++) {
        rd_kafka_mock_push_request_errors(fixture.broker.cluster, injections[i].api, 1, injections[i].code);
        fixture_send_valid(0, (int)i + 1);
        wait_until_committed(i + 2);
    }
    bool seen[INJECTION_COUNT + 1] = {false};
    size_t unanswered;
    for (int waited = 0; (unanswered = find_unanswered(seen, INJECTION_COUNT + 1)) <= INJECTION_COUNT; waited += 500) {
        ck_assert_msg(waited<FIXTURE_PATIENCE_MS, "%s: the command has no reply", unanswered> 0
                          ? injections[unanswered - 1].what
                          : "no error");
        sleep_ms(500);
    }
    fixture_stop();
}
END_TEST

/* The errors of Produce are injected while Redis is away, so that the worker's own sending is the next: the test's
 * would meet them otherwise. */
START_TEST(no_refused_record_stops_the_worker)
{
    static const rd_kafka_resp_err_t codes[] = {
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_INVALID_RECORD,
        RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER};
    const size_t count = sizeof(codes) / sizeof(codes[0]);
    fixture_end_redis();
    fixture_start("exactly-once", NULL);
    bool seen[sizeof(codes) / sizeof(codes[0])] = {false};
    for (size_t i = 0; i < count; i++) {
        fixture_send_valid(0, (int)i);
        rd_kafka_mock_push_request_errors(fixture.broker.cluster, PRODUCE, 1, codes[i]);
        fixture_begin_redis();
        wait_until_committed(i + 1);
        fixture_end_redis();
    }
    rd_kafka_message_t *replies[1000];
    size_t found = fixture_read_all("clients.replies", replies, 1000);
    for (size_t i = 0; i < found; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        seen[offset] = true;
    }
    fixture_forget(replies, found);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(seen[i], "%s: the command has no reply", rd_kafka_err2name(codes[i]));
    fixture_stop();
}
END_TEST

/* To abort it, librdkafka would first take it to the broker, once that is back, and what a broker that has just started
 * makes of the end of a transaction is not always right (KAFKA-20734). */
START_TEST(a_transaction_in_which_a_connection_broke_is_left_to_the_next_producer)
{
    fixture_end_redis();
    fixture_start("exactly-once", NULL);
    fixture_send_valid(0, 0);
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
    fixture_begin_redis();
    wait_until_committed(1);
    size_t threads;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &threads);
    ck_assert_uint_eq(metrics_get(metrics[0], METRIC_TRANSACTIONS, TRANSACTION_LOST), 1);
    ck_assert_uint_eq(metrics_get(metrics[0], METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 0);
    fixture_stop();
}
END_TEST

static void commit_offset(int64_t offset)
{
    char why[256];
    rd_kafka_conf_t *conf = quick_client_conf();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, why, sizeof(why)), 0);
    ck_assert_int_eq(rd_kafka_conf_set(conf, "group.id", "client-intake", why, sizeof(why)), 0);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ck_assert_ptr_nonnull(consumer);
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, "clients.commands", 0)->offset = offset;
    ck_assert_int_eq(rd_kafka_commit(consumer, offsets, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(offsets);
    rd_kafka_destroy(consumer);
}

/* The mock cluster does not keep the offsets of a transaction: as if a broker had undone the commit of commands 5 to 9
 * together with the transaction behind it. */
START_TEST(committed_offsets_that_went_back_are_followed)
{
    for (int i = 0; i < 10; i++)
        fixture_send_valid(0, i);
    commit_offset(5);
    fixture_start("exactly-once", NULL);
    wait_until_committed(5);
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
    fixture_send_valid(0, 10);
    wait_until_committed(11);
    rd_kafka_message_t *replies[100];
    int seen[11] = {0};
    size_t found = fixture_read_all("clients.replies", replies, 100);
    for (size_t i = 0; i < found; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        ck_assert_str_eq(reply_verdict(replies[i]), "created");
        seen[offset]++;
    }
    fixture_forget(replies, found);
    for (int i = 0; i < 10; i++)
        ck_assert_msg(seen[i] == (i < 5 ? 0 : 2), "command %d: %d replies", i, seen[i]);
    ck_assert_int_ge(seen[10], 1); /* aborted ones are seen there, too */
    fixture_stop();
}
END_TEST

/* What each producer says when it cannot reach that broker undoes no transaction of those that the others serve. */
START_TEST(a_broker_that_stays_away_is_none_of_a_transactions_business)
{
    const char *topics[] = {"clients.commands", "clients.replies", "clients.records", "clients.dead-letters",
                            "other.replies"};
    rd_kafka_mock_cluster_t *cluster = fixture.broker.cluster;
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        for (int32_t partition = 0; partition < FIXTURE_PARTITIONS; partition++)
            ck_assert_int_eq(rd_kafka_mock_partition_set_leader(cluster, topics[i], partition, partition % 2 + 1), 0);
    ck_assert_int_eq(rd_kafka_mock_coordinator_set(cluster, "transaction", "client-intake-0", 1), 0);
    ck_assert_int_eq(rd_kafka_mock_coordinator_set(cluster, "group", "client-intake", 2), 0);
    fixture_start("exactly-once", NULL);
    fixture_send_valid(0, 0);
    wait_until_committed(1);
    rd_kafka_mock_broker_set_down(cluster, 3);
    for (int i = 1; i <= 300; i++) {
        if (i % 100 == 0) /* a new producer, which may try that broker first */
            rd_kafka_mock_push_request_errors(cluster, ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
        sleep_ms(20);
    }
    wait_until_committed(301);
    size_t threads;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &threads);
    ck_assert_uint_le(metrics_get(metrics[0], METRIC_TRANSACTIONS, TRANSACTION_ABORTED) +
                          metrics_get(metrics[0], METRIC_TRANSACTIONS, TRANSACTION_LOST),
                      3 + 3);
    fixture_stop();
}
END_TEST

static void open_three(void)
{
    fixture_open_on(3);
}

static TCase *add_case(Suite *suite, const char *name, void (*open)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, open, fixture_close);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("flow on the embedded broker");
    TCase *input = add_case(suite, "input", fixture_open);
    tcase_add_test(input, every_command_gets_one_reply_in_the_order_of_its_partition);
    tcase_add_test(input, hostile_input_is_answered_and_never_stops_a_partition);
    tcase_add_test(input, ten_megabytes_are_answered);
    TCase *headers = add_case(suite, "headers", fixture_open);
    tcase_add_test(headers, headers_are_echoed_and_name_the_reply_topic);
    tcase_add_test(headers, nest_gets_what_it_needs_on_every_kind_of_reply);
    tcase_add_test(headers, header_name_with_a_nul_is_no_known_name);
    TCase *redis = add_case(suite, "Redis", fixture_open);
    tcase_add_test(redis, redis_absent_at_start_is_waited_for);
    tcase_add_test(redis, redis_going_away_rejects_nothing);
    tcase_add_test(redis, it_stops_in_time_while_redis_is_away);
    TCase *definitions = add_case(suite, "definitions", fixture_open);
    tcase_add_test(definitions, missing_definitions_are_waited_for_in_their_partition_only);
    tcase_add_test(definitions, a_batch_whose_definitions_have_no_room_is_split);
    TCase *limits = add_case(suite, "limits of the wait", fixture_open);
    tcase_add_test(limits, the_wait_for_definitions_has_a_limit);
    tcase_add_test(limits, it_stops_in_time_while_a_partition_waits);
    TCase *broker = add_case(suite, "broker", fixture_open);
    tcase_add_test(broker, the_broker_going_away_loses_nothing);
    tcase_add_test(broker, committed_offsets_that_went_back_are_followed);
    TCase *records = add_case(suite, "records", fixture_open);
    tcase_add_test(records, no_refused_record_stops_the_worker);
    tcase_add_test(records, a_transaction_in_which_a_connection_broke_is_left_to_the_next_producer);
    TCase *errors = add_case(suite, "errors", fixture_open);
    tcase_add_test(errors, no_injected_error_stops_the_worker);
    TCase *delivery = add_case(suite, "at least once", fixture_open);
    tcase_add_test(delivery, what_has_arrived_is_not_sent_again_after_a_refusal);
    tcase_add_test(delivery, refused_clients_have_one_reply_which_says_so);
    tcase_add_test(delivery, refusal_in_a_large_batch_leaves_one_reply_each);
    TCase *three = add_case(suite, "three brokers", open_three);
    tcase_add_test(three, a_broker_that_stays_away_is_none_of_a_transactions_business);
    return side_by_side(suite,
                        (const char *const[]){"input", "headers", "Redis", "definitions", "limits of the wait",
                                              "broker", "records", "errors", "at least once", "three brokers", NULL});
}
