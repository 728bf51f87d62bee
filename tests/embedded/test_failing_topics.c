/* Reply topics that commands name and that fail without end, each in its way: they stop no partition. Their leader is a
 * broker of its own, so nothing else fails with them. */
#include <check.h>
#include <stdio.h>

#include "common/clock.h"
#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

#define PRODUCE     0 /* ApiKey of the Kafka protocol */
#define OWN_BROKER  1
#define BAD_BROKER  3
#define WITHOUT_END 3000
#define A_WHILE_MS  13000 /* longer than a topic may fail that is alone in it */
#define FALLBACK_MS 40000

static void open_three(void)
{
    static const char *const ours[] = {"clients.commands", "clients.replies", "clients.records",
                                       "clients.dead-letters"};
    fixture_open_on(3);
    rd_kafka_mock_cluster_t *cluster = fixture.broker.cluster;
    for (int32_t partition = 0; partition < FIXTURE_PARTITIONS; partition++) {
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
            ck_assert_int_eq(rd_kafka_mock_partition_set_leader(cluster, ours[i], partition, OWN_BROKER), 0);
        ck_assert_int_eq(rd_kafka_mock_partition_set_leader(cluster, "other.replies", partition, BAD_BROKER), 0);
    }
    ck_assert_int_eq(rd_kafka_mock_coordinator_set(cluster, "transaction", "client-intake-0", OWN_BROKER), 0);
    ck_assert_int_eq(rd_kafka_mock_coordinator_set(cluster, "group", "client-intake", OWN_BROKER), 0);
}

static void fail_produce(size_t times, rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < times; i++)
        ck_assert_int_eq(
            rd_kafka_mock_broker_push_request_error_rtts(fixture.broker.cluster, BAD_BROKER, PRODUCE, 1, code, 0),
            RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* The bad topic costs the commands that name it a moment, once. */
static void expect_fallback(void)
{
    int64_t began_ms = clock_now_ms();
    fixture_send_naming("other.replies", 0);
    wait_until_committed(1);
    ck_assert_int_lt(clock_now_ms() - began_ms, FALLBACK_MS);
    began_ms = clock_now_ms();
    fixture_send_naming("other.replies", 1);
    fixture_send_valid(0, 2);
    wait_until_committed(3);
    ck_assert_int_lt(clock_now_ms() - began_ms, 5000);
    expect_replies_in_order(3);
}

static void expect_fallback_from(rd_kafka_resp_err_t code)
{
    fail_produce(WITHOUT_END, code);
    fixture_start("exactly-once", NULL);
    expect_fallback();
    fixture_stop();
}

START_TEST(a_topic_that_fails_with_an_unknown_error_stops_nobody)
{
    expect_fallback_from(RD_KAFKA_RESP_ERR_UNKNOWN);
}
END_TEST

/* librdkafka sends the messages again and again. */
START_TEST(nor_with_an_error_that_is_tried_again)
{
    expect_fallback_from(RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR);
}
END_TEST

/* librdkafka takes it for the end of the producer. */
START_TEST(nor_with_an_error_about_the_producer)
{
    expect_fallback_from(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
}
END_TEST

START_TEST(nor_with_an_error_of_a_later_kafka)
{
    expect_fallback_from((rd_kafka_resp_err_t)999);
}
END_TEST

START_TEST(nor_without_transactions)
{
    fail_produce(WITHOUT_END, RD_KAFKA_RESP_ERR_UNKNOWN);
    fixture_start("at-least-once", NULL);
    expect_fallback();
    fixture_stop();
}
END_TEST

/* As a broker whose advertised address leads nowhere: it is part of the cluster, and leads the topic. */
START_TEST(nor_a_topic_whose_leader_cannot_be_reached)
{
    fixture_start("exactly-once", NULL);
    fixture_send_valid(0, 2);
    wait_until_committed(1);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(fixture.broker.cluster, BAD_BROKER), 0);
    int64_t began_ms = clock_now_ms();
    fixture_send_naming("other.replies", 0);
    wait_until_committed(2);
    ck_assert_int_lt(clock_now_ms() - began_ms, FALLBACK_MS);
    fixture_stop();
}
END_TEST

/* The topic fails while a batch is being handed to librdkafka, which refuses the rest of it then. */
START_TEST(nor_in_front_of_a_long_batch)
{
    enum { LONG = 20000, NAMING_EVERY = 500 };
    fail_produce(WITHOUT_END, RD_KAFKA_RESP_ERR_UNKNOWN);
    for (int i = 0; i < LONG; i++) {
        if (i % NAMING_EVERY == 100) /* the first ones are a short batch */
            fixture_send_naming("other.replies", i);
        else
            fixture_send_valid(0, i);
    }
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    fixture_start("exactly-once", (const char *const[]){"batch.commands=20000", NULL});
    wait_until_committed(LONG);
    fixture_stop();
}
END_TEST

START_TEST(a_topic_that_fails_for_a_moment_keeps_its_replies)
{
    fail_produce(2, RD_KAFKA_RESP_ERR_UNKNOWN);
    fixture_start("exactly-once", NULL);
    fixture_send_naming("other.replies", 0);
    wait_until_committed(1);
    rd_kafka_message_t *reply = NULL;
    ck_assert_uint_eq(fixture_read_all("clients.replies", &reply, 1), 0);
    fixture_forget(&reply, 0);
    ck_assert_uint_eq(fixture_read_all("other.replies", &reply, 1), 1);
    fixture_forget(&reply, 1);
    fixture_stop();
}
END_TEST

/* Then it is Kafka that fails, and all wait for it. */
START_TEST(a_topic_that_fails_with_all_others_keeps_its_replies)
{
    fixture_start("exactly-once", NULL);
    fixture_send_valid(0, 2);
    wait_until_committed(1);
    fixture_end_redis();
    fixture_send_naming("other.replies", 0);
    for (size_t i = 0; i < WITHOUT_END; i++)
        rd_kafka_mock_push_request_errors(fixture.broker.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_UNKNOWN);
    fixture_begin_redis();
    sleep_ms(A_WHILE_MS);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 1);
    ck_assert_uint_ge(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 3);
    rd_kafka_mock_clear_request_errors(fixture.broker.cluster, PRODUCE);
    wait_until_committed(2);
    rd_kafka_message_t *reply = NULL;
    ck_assert_uint_ge(fixture_read_all("other.replies", &reply, 1), 1);
    fixture_forget(&reply, 1);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("failing topics");
    TCase *unknown = add_case_that_opens(suite, "unknown error", open_three);
    tcase_add_test(unknown, a_topic_that_fails_with_an_unknown_error_stops_nobody);
    TCase *again = add_case_that_opens(suite, "tried again", open_three);
    tcase_add_test(again, nor_with_an_error_that_is_tried_again);
    TCase *batch = add_case_that_opens(suite, "long batch", open_three);
    tcase_add_test(batch, nor_in_front_of_a_long_batch);
    TCase *fatal = add_case_that_opens(suite, "fatal", open_three);
    tcase_add_test(fatal, nor_with_an_error_about_the_producer);
    TCase *later = add_case_that_opens(suite, "later", open_three);
    tcase_add_test(later, nor_with_an_error_of_a_later_kafka);
    TCase *once = add_case_that_opens(suite, "at least once", open_three);
    tcase_add_test(once, nor_without_transactions);
    TCase *away = add_case_that_opens(suite, "leader away", open_three);
    tcase_add_test(away, nor_a_topic_whose_leader_cannot_be_reached);
    TCase *innocent = add_case_that_opens(suite, "innocent", open_three);
    tcase_add_test(innocent, a_topic_that_fails_for_a_moment_keeps_its_replies);
    tcase_add_test(innocent, a_topic_that_fails_with_all_others_keeps_its_replies);
    return side_by_side(suite, (const char *const[]){"unknown error", "tried again", "long batch", "fatal", "later",
                                                     "at least once", "leader away", "innocent", NULL});
}
