/* What the source and the commit do when librdkafka's answers are not the usual ones. */
#include <check.h>
#include <time.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/unusual_kafka.h"
#include "tests/embedded/worker_stage.h"
#include "worker/source/source_committed.h"
#include "worker/source/source_message.h"
#include "worker/source/source_state.h"

#define ASSIGNMENT_FAILURES 20 /* so many that some of them meet a resumption */

START_TEST(partitions_are_resumed_though_the_assignment_is_not_known_at_once)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    fixture_end_redis();
    for (int waited = 0; !atomic_load(&is_paused); waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    atomic_store(&assignments_to_fail, ASSIGNMENT_FAILURES);
    fixture_begin_redis();
    wait_for_count(METRIC_REDIS_UP, 0, 1);
    for (int i = 1; i <= 3 || atomic_load(&assignment_failures) == 0; i++) {
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
        wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, (uint64_t)i + 1);
    }
    fixture_stop();
}
END_TEST

START_TEST(commands_of_a_transaction_that_was_committed_after_all_are_counted)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    uint64_t committed = count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED);
    atomic_store(&commit_is_in_doubt, true);
    fixture_send_valid(1, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert(!atomic_load(&commit_is_in_doubt));
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), committed + 1);
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_LOST), 0);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    ck_assert_int_eq(atomic_load(&asked_by_members), 0);
    fixture_stop();
}
END_TEST

START_TEST(what_another_has_committed_is_not_taken_for_ours)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&another_has_committed, true);
    atomic_store(&commit_is_in_doubt, true);
    fixture_send_valid(1, 1);
    wait_for_count(METRIC_TRANSACTIONS, TRANSACTION_LOST, 1);
    atomic_store(&another_has_committed, false);
    fixture_send_valid(2, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 2);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

START_TEST(a_generation_that_begins_without_a_callback_does_not_end_the_commits)
{
    atomic_store(&stale_metadata, 1);
    fixture_send_valid(0, 0);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    ck_assert_int_lt(atomic_load(&stale_metadata), 0); /* they were read again */
    fixture_stop();
}
END_TEST

START_TEST(the_group_is_served_while_a_commit_waits)
{
    const int16_t end_transaction = 26; /* ApiKey of the Kafka protocol */
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    nanosleep(&(struct timespec){3, 0}, NULL); /* what is committed without commands is, by then */
    atomic_store(&polls_while_commit_waits, 0);
    rd_kafka_mock_broker_push_request_error_rtts(fixture.broker.cluster, 1, end_transaction, 1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 3500);
    fixture_send_valid(0, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_int_ge(atomic_load(&retries_of_commit), 2);
    ck_assert_int_ge(atomic_load(&polls_while_commit_waits), 2);
    fixture_send_valid(2, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    fixture_stop();
}
END_TEST

/* The consumer takes a damaged batch where its check.crcs is off, and the verification does not stop its partition. */
START_TEST(a_batch_that_is_damaged_in_the_log_does_not_stop_its_partition)
{
    enum { COMMANDS = 8, LEFT = COMMANDS / 2 };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, 2);
    atomic_store(&batch_is_damaged, true);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, LEFT);
    ck_assert_uint_ge(count_of(METRIC_OFFSET_PROBES, 0), 1);
    fixture_stop();
}
END_TEST

/* Another worker has answered the commands in front of `offset`. */
static void have_answered(int32_t partition, int64_t offset)
{
    rd_kafka_message_t *messages[16];
    ck_assert_uint_eq(fixture_read("clients.commands", messages, (size_t)offset), (size_t)offset);
    struct log_mark mark = source_message_place_mark(messages[offset - 1], offset - 1, 0);
    mark.answered = offset;
    mark.nonce = 1;
    fixture_forget(messages, (size_t)offset);
    last_committed = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(last_committed, "clients.commands", partition);
    place->offset = offset;
    source_mark_offset(place, &mark);
}

/* The embedded broker has no offset for the group, so librdkafka begins at the first command. librdkafka 2.0.2 may do
 * so on Kafka, too: it is told to go on at another place, and then takes an earlier fetch behind the end for one of
 * that. */
START_TEST(commands_in_front_of_the_committed_offset_are_not_answered_again)
{
    for (int i = 0; i < 3; i++)
        fixture_send_valid(0, i);
    have_answered(0, 3);
    fixture_send_valid(0, 3);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    wait_for_count(METRIC_REPETITIONS, 0, 3);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 1);
    fixture_stop();
}
END_TEST

/* By a tool that keeps the metadata, which it does not know. The embedded broker has no offset, so one more comes. */
START_TEST(commands_behind_an_offset_that_was_set_back_are_answered_again)
{
    for (int i = 0; i < 3; i++)
        fixture_send_valid(0, i);
    have_answered(0, 3);
    last_committed->elems[0].offset = 1;
    fixture_send_valid(0, 3);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    ck_assert_uint_eq(count_of(METRIC_REPETITIONS, 0), 1);
    fixture_stop();
}
END_TEST

START_TEST(messages_that_must_travel_alone_are_few_in_a_transaction)
{
    enum { COMMANDS = 600, MOST = 200 };
    const int16_t produce = 0; /* ApiKey of the Kafka protocol */
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
    atomic_store(&messages_in_first_batch, COMMANDS);
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, produce, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS);
    ck_assert_int_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 1);
    ck_assert_int_eq(atomic_load(&largest_transaction), MOST);
    ck_assert_int_eq(count_of(METRIC_DEFINITIONS_WAITING, 0), 0);
    for (int i = 0; i < FIXTURE_PARTITIONS; i++)
        fixture_send_valid(i, COMMANDS + i);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS + FIXTURE_PARTITIONS);
    ck_assert_int_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), COMMANDS + FIXTURE_PARTITIONS);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *partitions = add_case(suite, "partitions");
    tcase_add_test(partitions, partitions_are_resumed_though_the_assignment_is_not_known_at_once);
    tcase_add_test(partitions, a_batch_that_is_damaged_in_the_log_does_not_stop_its_partition);
    tcase_add_test(partitions, commands_in_front_of_the_committed_offset_are_not_answered_again);
    tcase_add_test(partitions, commands_behind_an_offset_that_was_set_back_are_answered_again);
    TCase *commit = add_case(suite, "commit");
    tcase_add_test(commit, the_group_is_served_while_a_commit_waits);
    TCase *transactions = add_case(suite, "transactions");
    tcase_add_test(transactions, commands_of_a_transaction_that_was_committed_after_all_are_counted);
    tcase_add_test(transactions, a_generation_that_begins_without_a_callback_does_not_end_the_commits);
    tcase_add_test(transactions, what_another_has_committed_is_not_taken_for_ours);
    tcase_add_test(transactions, messages_that_must_travel_alone_are_few_in_a_transaction);
    return side_by_side(suite, (const char *const[]){"partitions", "commit", "transactions", NULL});
}
