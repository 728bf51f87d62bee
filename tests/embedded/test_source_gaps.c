/* What the source gets of the log: gaps between offsets, and what librdkafka has fetched ahead. */
#include <check.h>
#include <stdlib.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/unusual_kafka.h"
#include "tests/embedded/worker_stage.h"

/* As of many short transactions, whose markers have an offset each: some are verified, and none holds up the others. */
START_TEST(a_backlog_of_short_transactions_is_not_held_up)
{
    enum { COMMANDS = 800, LEFT = COMMANDS / 2 };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, 2);
    atomic_store(&batch_delay_ms, 2);
    atomic_store(&messages_in_first_batch, LEFT);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, LEFT);
    ck_assert_uint_ge(count_of(METRIC_OFFSET_PROBES, 0), 1);
    ck_assert_uint_lt(count_of(METRIC_OFFSET_PROBES, 0), LEFT / 2);
    ck_assert_uint_lt(count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), LEFT / 8);
    rd_kafka_message_t *replies[LEFT];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, LEFT), LEFT);
    for (int i = 0; i < LEFT; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        ck_assert_int_eq(offset, 2 * i);
    }
    fixture_forget(replies, LEFT);
    fixture_stop();
}
END_TEST

/* As over long transactions that were aborted, or because of wrong offsets. */
START_TEST(long_gaps_are_verified_however_many_there_are)
{
    enum { EACH = 10, LEFT = 40, COMMANDS = EACH * LEFT };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, EACH);
    atomic_store(&messages_in_first_batch, LEFT);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, LEFT);
    ck_assert_uint_ge(count_of(METRIC_OFFSET_PROBES, 0), LEFT - 1);
    fixture_stop();
}
END_TEST

/* A transaction that was aborted may have what librdkafka cannot parse. Here the log has commands in the gap, and they
 * may be found then. */
START_TEST(a_gap_that_cannot_be_read_as_a_whole_is_read_by_its_offsets)
{
    enum { COMMANDS = 11, TO_AND_WHOLE = 2 };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, COMMANDS - 1);
    atomic_store(&wide_reader_is_silent, true);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_OFFSET_PROBES, 0, TO_AND_WHOLE + 1);
    fixture_stop();
}
END_TEST

static void send_with_header(int32_t partition, size_t bytes)
{
    char *long_text = calloc(1, bytes);
    ck_assert_ptr_nonnull(long_text);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    ck_assert_int_eq(rd_kafka_header_add(headers, "n", 1, memset(long_text, 'v', bytes), (ssize_t)bytes),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    free(long_text);
    fixture_send(partition, (struct span){0}, (struct span){0}, headers);
}

START_TEST(long_headers_that_are_fetched_ahead_are_given_back)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&is_paused, false);
    send_with_header(0, 20000);
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 1);
    ck_assert(!atomic_load(&is_paused)); /* nothing stands behind it */
    atomic_store(&fetched_ahead, 4000);
    send_with_header(1, 20000); /* 4000 of them are 80 MB */
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 2);
    ck_assert(atomic_load(&is_paused));
    atomic_store(&fetched_ahead, 0);
    fixture_send_valid(1, 1);
    fixture_send_valid(0, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    fixture_stop();
}
END_TEST

START_TEST(nothing_is_fetched_ahead_behind_very_long_headers)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&is_paused, false);
    send_with_header(0, 200000);
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 1);
    ck_assert(atomic_load(&is_paused));
    fixture_send_valid(0, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    fixture_stop();
}
END_TEST

START_TEST(short_messages_are_fetched_ahead_without_a_pause)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&is_paused, false);
    atomic_store(&fetched_ahead, 50000);
    send_with_header(0, 1000);
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 1);
    fixture_send_valid(1, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert(!atomic_load(&is_paused));
    atomic_store(&fetched_ahead, 0);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_gaps");
    TCase *gaps = add_case(suite, "gaps");
    tcase_add_test(gaps, a_backlog_of_short_transactions_is_not_held_up);
    tcase_add_test(gaps, long_gaps_are_verified_however_many_there_are);
    tcase_add_test(gaps, a_gap_that_cannot_be_read_as_a_whole_is_read_by_its_offsets);
    TCase *ahead = add_case(suite, "fetched ahead");
    tcase_add_test(ahead, long_headers_that_are_fetched_ahead_are_given_back);
    tcase_add_test(ahead, nothing_is_fetched_ahead_behind_very_long_headers);
    tcase_add_test(ahead, short_messages_are_fetched_ahead_without_a_pause);
    return side_by_side(suite, (const char *const[]){"gaps", "fetched ahead", NULL});
}
