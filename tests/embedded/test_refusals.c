/* At-least-once: topics refuse messages for their size. What has arrived is not sent again, and each command has one
 * reply. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

#define PRODUCE 0 /* ApiKey of the Kafka protocol */
#define KEYS    6

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

int main(void)
{
    Suite *suite = suite_create("refusals");
    TCase *delivery = add_case(suite, "at least once");
    tcase_add_test(delivery, what_has_arrived_is_not_sent_again_after_a_refusal);
    tcase_add_test(delivery, refused_clients_have_one_reply_which_says_so);
    tcase_add_test(delivery, refusal_in_a_large_batch_leaves_one_reply_each);
    return side_by_side(suite, (const char *const[]){"at least once", NULL});
}
