/* Transactions on the embedded broker: errors of the transactional API, records that are refused, offsets that go back,
 * and a broker that stays away. No command stays without a reply. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"
#include "tests/lib/quick_client.h"

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
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_LOST), 1);
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 0);
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
    ck_assert_uint_le(
        count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED) + count_of(METRIC_TRANSACTIONS, TRANSACTION_LOST), 3 + 3);
    fixture_stop();
}
END_TEST

static void open_three(void)
{
    fixture_open_on(3);
}

int main(void)
{
    Suite *suite = suite_create("transactions");
    TCase *broker = add_case(suite, "broker");
    tcase_add_test(broker, committed_offsets_that_went_back_are_followed);
    TCase *records = add_case(suite, "records");
    tcase_add_test(records, no_refused_record_stops_the_worker);
    tcase_add_test(records, a_transaction_in_which_a_connection_broke_is_left_to_the_next_producer);
    TCase *errors = add_case(suite, "errors");
    tcase_add_test(errors, no_injected_error_stops_the_worker);
    TCase *three = add_case_that_opens(suite, "three brokers", open_three);
    tcase_add_test(three, a_broker_that_stays_away_is_none_of_a_transactions_business);
    return side_by_side(suite, (const char *const[]){"broker", "records", "errors", "three brokers", NULL});
}
