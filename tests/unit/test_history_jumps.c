/* Which jumps of a history are verified, and which are taken as they are. */
#include <check.h>
#include <stdlib.h>

#include "worker/replay/history_jumps.h"
#include "worker/source/source_message.h"

static struct history_jumps jumps;

static void open_jumps(void)
{
    jumps = (struct history_jumps){0};
}

/* A jump from offset - 1 to this one, as a marker leaves it. */
static bool note(int64_t offset)
{
    rd_kafka_message_t *message = placeholder_new(0, offset);
    const bool is_due = history_jumps_note(&jumps, offset - 1, message);
    source_message_destroy(message);
    return is_due;
}

static void settle(void)
{
    for (uint32_t i = 0; i < jumps.count; i++)
        if (jumps.list[i].state == JUMP_DUE)
            jumps.list[i].state = JUMP_VERIFIED;
    jumps.due = 0;
}

/* Notes so many jumps from this offset on, and settles those that are due. Returns how many there were. */
static uint32_t note_many(int64_t offset, int count)
{
    uint32_t sum = 0;
    for (int i = 0; i < count; i++) {
        if (!note(offset + 2 * i))
            continue;
        sum += jumps.due;
        settle();
    }
    return sum;
}

START_TEST(the_first_ones_of_a_window_are_verified_together)
{
    for (int i = 1; i < JUMPS_VERIFIED; i++)
        ck_assert(!note(2 * i));
    ck_assert(note(2 * JUMPS_VERIFIED));
    ck_assert_uint_eq(jumps.due, JUMPS_VERIFIED);
    settle();
    ck_assert_uint_eq(note_many(1000, JUMPS_WINDOW - JUMPS_VERIFIED), 0);
    ck_assert_uint_eq(note_many(100000, JUMPS_WINDOW), JUMPS_VERIFIED);
    ck_assert_uint_le(jumps.count, JUMPS_KEPT);
}
END_TEST

START_TEST(the_last_one_is_verified_before_the_end)
{
    note_many(1, JUMPS_VERIFIED + 3);
    ck_assert_uint_eq(jumps.due, 0);
    history_jumps_doubt_last(&jumps);
    ck_assert_uint_eq(jumps.due, 1);
    settle();
    history_jumps_doubt_last(&jumps);
    ck_assert_uint_eq(jumps.due, 0);
}
END_TEST

START_TEST(a_message_in_a_wrong_order_makes_the_jump_over_it_due)
{
    note_many(1, JUMPS_VERIFIED);
    for (int64_t offset = 101; offset <= 109; offset += 2)
        ck_assert(!note(offset));
    ck_assert_ptr_null(history_jumps_doubt(&jumps, 5000));
    ck_assert_uint_eq(jumps.due, 0);
    const struct jump *over = history_jumps_doubt(&jumps, 104);
    ck_assert_ptr_nonnull(over);
    ck_assert_int_eq(over->from, 104);
    ck_assert_int_eq(over->to.offset, 105);
    ck_assert_uint_eq(jumps.due, 3); /* to 105, 107 and 109 */
}
END_TEST

START_TEST(one_that_is_taken_back_is_noted_again)
{
    for (int i = 1; i < JUMPS_VERIFIED; i++)
        ck_assert(!note(2 * i));
    for (int i = 0; i < 3; i++) {
        ck_assert(note(1000));
        history_jumps_take_back(&jumps);
        ck_assert_uint_eq(jumps.due, JUMPS_VERIFIED - 1);
    }
    ck_assert(note(1000));
    ck_assert_uint_eq(jumps.due, JUMPS_VERIFIED);
}
END_TEST

START_TEST(another_place_begins_another_window)
{
    note_many(1, 100);
    history_jumps_forget(&jumps);
    ck_assert_uint_eq(jumps.count, 0);
    ck_assert_uint_eq(note_many(1, JUMPS_VERIFIED), JUMPS_VERIFIED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history_jumps");
    TCase *test_case = tcase_create("jumps");
    tcase_add_checked_fixture(test_case, open_jumps, NULL);
    tcase_add_test(test_case, the_first_ones_of_a_window_are_verified_together);
    tcase_add_test(test_case, the_last_one_is_verified_before_the_end);
    tcase_add_test(test_case, a_message_in_a_wrong_order_makes_the_jump_over_it_due);
    tcase_add_test(test_case, one_that_is_taken_back_is_noted_again);
    tcase_add_test(test_case, another_place_begins_another_window);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
