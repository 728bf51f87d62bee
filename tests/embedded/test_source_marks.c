/* The marks of logs that the group keeps: commands wait until the mark is known and their log was compared with it. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <time.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/unusual_kafka.h"
#include "tests/embedded/worker_stage.h"
#include "worker/kafka/log_mark.h"

/* The group's marks of partitions 0 and 1: of logs that were replaced. */
static void have_mark_of_another_log(void)
{
    char text[LOG_MARK_BYTES];
    struct log_mark mark = {.answered = 1, .offset = 0, .timestamp_ms = 1, .hash = 1};
    size_t length = log_mark_write(&mark, text);
    last_committed = rd_kafka_topic_partition_list_new(2);
    for (int32_t i = 0; i < 2; i++) {
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(last_committed, "clients.commands", i);
        place->offset = 1;
        place->metadata = malloc(length);
        place->metadata_size = length;
        memcpy(place->metadata, text, length);
    }
}

/* As a worker does that is killed before it commits: a client that counts as earlier than every command. */
static void leave_claim_without_record(const char *workspace, const char *email)
{
    static const char id[] = "01234567-0123-5123-8123-0123456789ab";
    redisContext *connection = redisConnectUnix(fixture.redis.address + strlen("unix:"));
    redisReply *reply =
        redisCommand(connection, "MSET client-email:{%s}:%s %s client:{%s}:%s %s", workspace, email, id, workspace, id,
                     "clients.commands/0/0 "
                     "0123456789abcdef0123456789abcdef\n{}");
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_ne(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisFree(connection);
}

START_TEST(commands_wait_until_the_group_has_told_the_mark_of_their_log)
{
    have_mark_of_another_log();
    atomic_store(&group_keeps_marks, true);
    fixture_send_valid(0, 0);
    fixture_send_valid(0, 1);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    for (int waited = 0; atomic_load(&asked_in_vain) < 5 && count_of(METRIC_COMMANDS, OUTCOME_CREATED) == 0;
         waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
    leave_claim_without_record("acme", "ada0@example.com");
    uint64_t rebuilds = count_of(METRIC_REBUILDS, 0);
    atomic_store(&group_keeps_marks, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_uint_ge(count_of(METRIC_REBUILDS, 0), rebuilds + 1);
    fixture_send_valid(0, 2);
    fixture_send_valid(1, 3);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 4);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 2);
    ck_assert_uint_le(count_of(METRIC_REBUILDS, 0), rebuilds + 2);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

START_TEST(commands_that_waited_for_the_group_keep_their_order)
{
    enum { COMMANDS = 8 };
    atomic_store(&group_keeps_marks, true);
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", "batch.commands=2", NULL});
    for (int waited = 0; atomic_load(&asked_in_vain) < 5; waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    atomic_store(&group_keeps_marks, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS);
    const char *verdicts[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        verdicts[i] = "created";
    expect_replies_of(0, verdicts, COMMANDS, COMMANDS);
    fixture_stop();
}
END_TEST

/* Sends two commands, whose log gives no answer for a moment to who reads a command again. */
static void expect_commands_to_wait_for_their_log(void)
{
    atomic_store(&log_is_silent, true);
    fixture_send_valid(0, 0);
    fixture_send_valid(0, 1);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    for (int waited = 0; atomic_load(&read_in_vain) < 100 && count_of(METRIC_COMMANDS, OUTCOME_CREATED) == 0;
         waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    atomic_store(&log_is_silent, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
}

START_TEST(commands_wait_until_their_log_was_compared_with_the_mark)
{
    have_mark_of_another_log();
    expect_commands_to_wait_for_their_log();
    ck_assert_uint_ge(count_of(METRIC_LOGS_REPLACED, 0), 1);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

/* Without one, a log that takes its place after these commands would be read on from where this one was. */
START_TEST(commands_wait_until_their_log_has_a_mark)
{
    expect_commands_to_wait_for_their_log();
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

START_TEST(an_end_that_only_seems_to_be_one_is_no_other_log)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&end_is_feigned, true);
    for (int i = 1; i <= 3; i++) {
        nanosleep(&(struct timespec){0, 300000000}, NULL); /* such a command is compared with the one before */
        fixture_send_valid(0, i);
        wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, (uint64_t)i + 1);
    }
    ck_assert_int_ge(atomic_load(&ends_feigned), 1);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 4);
    fixture_stop();
}
END_TEST

static void expect_a_silent_log_to_hold_up_commands_for_some_seconds(void)
{
    atomic_store(&log_is_silent, true);
    fixture_send_valid(0, 0);
    fixture_send_valid(0, 1);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    ck_assert_int_ge(atomic_load(&read_in_vain), 100);
    atomic_store(&log_is_silent, false);
    fixture_stop();
}

START_TEST(a_log_that_gives_no_answer_holds_up_commands_for_some_seconds_only)
{
    have_mark_of_another_log();
    expect_a_silent_log_to_hold_up_commands_for_some_seconds();
}
END_TEST

START_TEST(so_does_a_log_without_a_mark)
{
    expect_a_silent_log_to_hold_up_commands_for_some_seconds();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_marks");
    TCase *marks = add_case(suite, "marks");
    tcase_add_test(marks, commands_wait_until_the_group_has_told_the_mark_of_their_log);
    tcase_add_test(marks, commands_that_waited_for_the_group_keep_their_order);
    TCase *comparisons = add_case(suite, "comparisons");
    tcase_add_test(comparisons, commands_wait_until_their_log_was_compared_with_the_mark);
    tcase_add_test(comparisons, commands_wait_until_their_log_has_a_mark);
    tcase_add_test(comparisons, an_end_that_only_seems_to_be_one_is_no_other_log);
    TCase *silent = add_case(suite, "silent");
    tcase_add_test(silent, a_log_that_gives_no_answer_holds_up_commands_for_some_seconds_only);
    TCase *markless = add_case(suite, "without a mark");
    tcase_add_test(markless, so_does_a_log_without_a_mark);
    return side_by_side(suite, (const char *const[]){"marks", "comparisons", "silent", "without a mark", NULL});
}
