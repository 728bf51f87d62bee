/* Transactions that fail after half of their time: the next ones have fewer commands, and soon as many as before. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/unusual_kafka.h"
#include "tests/embedded/worker_stage.h"

#define PRODUCE    0 /* ApiKey of the Kafka protocol */
#define BROKER     1
#define TIMEOUT_MS 4000
#define SLOW_MS    (TIMEOUT_MS / 2 + 500)
#define COMMANDS   400
#define MORE       1500

/* The broker gives them to a reader at once. */
static void send_together(int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char value[256];
        int length =
            snprintf(value, sizeof(value),
                     "{\"commandId\":\"s%d\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","
                     "\"email\":\"s%d@example.com\"}",
                     i, i);
        ck_assert_int_eq(rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC("clients.commands"),
                                           RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_KEY("acme", 4), RD_KAFKA_V_VALUE(value, (size_t)length),
                                           RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Kafka answers the worker's next request late, and then with an error. */
static void delay_produce(int by_ms)
{
    ck_assert_int_eq(rd_kafka_mock_broker_push_request_error_rtts(fixture.broker.cluster, BROKER, PRODUCE, 1,
                                                                  RD_KAFKA_RESP_ERR_UNKNOWN, by_ms),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void start_worker(void)
{
    char timeout[64], message[64];
    snprintf(timeout, sizeof(timeout), "kafka.producer.transaction.timeout.ms=%d", TIMEOUT_MS);
    snprintf(message, sizeof(message), "kafka.producer.message.timeout.ms=%d", TIMEOUT_MS);
    const char *settings[] = {"worker.threads=1", timeout, message, NULL};
    fixture_start("exactly-once", settings);
}

static int size_of(size_t transaction)
{
    return atomic_load(&transaction_sizes[transaction]);
}

START_TEST(batches_halve_and_grow_again)
{
    send_together(0, COMMANDS);
    atomic_store(&messages_in_first_batch, COMMANDS);
    delay_produce(SLOW_MS);
    start_worker();
    wait_until_committed(COMMANDS);
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 1);
    ck_assert_int_eq(size_of(0), COMMANDS / 2);
    ck_assert_int_eq(size_of(1), COMMANDS / 2);
    /* These two were quick: the limit is twice as high for each. */
    send_together(COMMANDS, MORE);
    wait_until_committed(COMMANDS + MORE);
    ck_assert_int_gt(atomic_load(&largest_transaction), COMMANDS);
    fixture_stop();
}
END_TEST

/* It says nothing about their size. */
START_TEST(transactions_that_fail_at_once_halve_nothing)
{
    send_together(0, COMMANDS);
    atomic_store(&messages_in_first_batch, COMMANDS);
    delay_produce(0);
    start_worker();
    wait_until_committed(COMMANDS);
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 1);
    ck_assert_int_eq(size_of(0), COMMANDS);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slow transactions");
    tcase_add_test(add_case(suite, "slow"), batches_halve_and_grow_again);
    tcase_add_test(add_case(suite, "quick"), transactions_that_fail_at_once_halve_nothing);
    return side_by_side(suite, (const char *const[]){"slow", "quick", NULL});
}
