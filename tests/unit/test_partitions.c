/* Which partitions of the command topic wait, and whose commands the next batch may take. */
#include <check.h>
#include <stdlib.h>

#include "worker/source/partitions.h"

#define ROOM     10
#define RETRY_MS 200
#define LIMIT_MS 1000

static struct partitions *partitions;

static void open_partitions(void)
{
    partitions = partitions_new();
    ck_assert_ptr_nonnull(partitions);
}

static void close_partitions(void)
{
    partitions_free(partitions);
}

/* How many of the first `count` partitions the next batch takes a command of. Marks them in `taken`, if given. */
static int take(int32_t count, int64_t now_ms, int *taken)
{
    int sum = 0;
    partitions_begin_tries(partitions, ROOM, now_ms);
    for (int32_t i = 0; i < count; i++) {
        if (!partitions_may_try(partitions, i, now_ms))
            continue;
        partitions_note_try(partitions, i);
        sum++;
        if (taken)
            taken[i]++;
    }
    return sum;
}

START_TEST(a_partition_that_waits_for_definitions_has_one_try_when_it_is_due)
{
    ck_assert(partitions_may_try(partitions, 0, 0));
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    ck_assert_int_eq(take(1, RETRY_MS - 1, NULL), 0);
    partitions_begin_tries(partitions, ROOM, RETRY_MS);
    ck_assert(partitions_may_try(partitions, 0, RETRY_MS));
    partitions_note_try(partitions, 0);
    ck_assert(!partitions_may_try(partitions, 0, RETRY_MS));
}
END_TEST

START_TEST(after_an_answer_the_others_follow_in_the_next_batch)
{
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    ck_assert_int_eq(take(1, RETRY_MS, NULL), 1);
    partitions_note_answer(partitions, 0);
    ck_assert(partitions_is_waiting(partitions, 0));
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 0);
    partitions_begin_tries(partitions, ROOM, RETRY_MS + 1);
    for (int i = 0; i < ROOM; i++) {
        ck_assert(partitions_may_try(partitions, 0, RETRY_MS + 1));
        partitions_note_try(partitions, 0);
    }
}
END_TEST

START_TEST(a_try_that_is_put_off_is_made_again_alone)
{
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    ck_assert_int_eq(take(1, RETRY_MS, NULL), 1);
    partitions_put_off(partitions, 0);
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 1);
    ck_assert_int_eq(take(1, RETRY_MS, NULL), 0); /* not in two batches one after the other */
    ck_assert_int_eq(take(1, RETRY_MS, NULL), 1);
    ck_assert(!partitions_may_try(partitions, 0, RETRY_MS));
}
END_TEST

START_TEST(an_answer_to_a_command_before_the_one_that_lacks_definitions_ends_no_wait)
{
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    partitions_note_answer(partitions, 0);
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 1);
    ck_assert_int_eq(take(1, RETRY_MS - 1, NULL), 0);
}
END_TEST

START_TEST(the_limit_counts_from_the_first_wait_and_then_nothing_waits)
{
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    ck_assert_int_eq(take(1, LIMIT_MS - 1, NULL), 1);
    partitions_note_answer(partitions, 0);
    ck_assert(partitions_wait(partitions, 0, LIMIT_MS - 1, RETRY_MS, LIMIT_MS));
    ck_assert_int_eq(take(1, LIMIT_MS + RETRY_MS, NULL), 0); /* not in two batches one after the other */
    ck_assert_int_eq(take(1, LIMIT_MS + RETRY_MS, NULL), 1);
    ck_assert(!partitions_wait(partitions, 0, LIMIT_MS + RETRY_MS, RETRY_MS, LIMIT_MS));
    partitions_note_answer(partitions, 0);
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 0);
    partitions_end_wait(partitions, 0);
    ck_assert(!partitions_is_waiting(partitions, 0));
    ck_assert(!partitions_wait(partitions, 1, 0, RETRY_MS, 0));
    ck_assert(!partitions_is_waiting(partitions, 1));
}
END_TEST

/* However many are due, whatever they hold, and however slow the batches are: half of every second batch is theirs at
 * most, and each of them has its turn. */
START_TEST(tries_leave_room_for_others_and_each_partition_has_its_turn)
{
    enum { WAITING = 4 * ROOM };
    int taken[WAITING] = {0};
    int64_t now = 0;
    for (int32_t i = 0; i < WAITING; i++)
        ck_assert(partitions_wait(partitions, i, now, RETRY_MS, INT64_MAX));
    for (int batch = 0; batch < 2 * WAITING / (ROOM / 2); batch++) {
        now += 2 * RETRY_MS;
        ck_assert_int_eq(take(WAITING, now, taken), batch % 2 == 0 ? ROOM / 2 : 0);
        for (int32_t i = 0; i < WAITING; i++)
            if (!partitions_may_try(partitions, i, now))
                ck_assert(partitions_wait(partitions, i, now, RETRY_MS, INT64_MAX));
    }
    for (int i = 0; i < WAITING; i++)
        ck_assert_int_eq(taken[i], 1);
}
END_TEST

START_TEST(a_batch_of_one_command_is_not_always_a_try)
{
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    for (int batch = 0; batch < 4; batch++) {
        partitions_begin_tries(partitions, 1, RETRY_MS);
        ck_assert_int_eq(partitions_may_try(partitions, 0, RETRY_MS), batch % 2 == 0);
        if (batch % 2 == 0)
            partitions_note_try(partitions, 0);
    }
}
END_TEST

static void note(int64_t count)
{
    for (int64_t offset = 0; offset < count; offset++)
        ck_assert(partitions_advance(partitions, 0, offset));
}

START_TEST(what_was_dropped_comes_again_within_the_same_limit)
{
    note(10);
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    partitions_cut(partitions, 0, 3);
    partitions_cut(partitions, 0, 2);
    ck_assert(partitions_is_cut(partitions, 0));
    ck_assert_int_eq(partitions_next(partitions, 0), 2);
    ck_assert_int_eq(partitions_noted(partitions, 0), 10);
    partitions_end_wait(partitions, 0);
    ck_assert(!partitions_is_cut(partitions, 0));
    for (int64_t offset = 2; offset < 10; offset++) {
        ck_assert(partitions_advance(partitions, 0, offset));
        partitions_renew_limit(partitions, 0, offset);
        ck_assert(!partitions_wait(partitions, 0, LIMIT_MS, RETRY_MS, LIMIT_MS));
    }
    ck_assert(partitions_advance(partitions, 0, 10));
    partitions_renew_limit(partitions, 0, 10);
    ck_assert(partitions_wait(partitions, 0, LIMIT_MS, RETRY_MS, LIMIT_MS));
}
END_TEST

START_TEST(the_limit_of_a_wait_that_goes_on_is_not_renewed)
{
    note(1);
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    partitions_renew_limit(partitions, 0, 1);
    ck_assert(!partitions_wait(partitions, 0, LIMIT_MS, RETRY_MS, LIMIT_MS));
}
END_TEST

START_TEST(a_partition_of_which_nothing_is_left_is_due_once)
{
    note(1);
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    partitions_cut(partitions, 0, 0);
    partitions_wait_empty(partitions, 0, 0, RETRY_MS);
    ck_assert(partitions_waits_empty(partitions, 0));
    ck_assert(partitions_lacks_definitions(partitions, 0));
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 1);
    ck_assert_int_eq(partitions_take_empty(partitions, RETRY_MS - 1), -1);
    ck_assert_int_eq(partitions_take_empty(partitions, RETRY_MS), 0);
    ck_assert_int_eq(partitions_take_empty(partitions, RETRY_MS), -1);
    ck_assert(partitions_is_cut(partitions, 0));
    ck_assert(partitions_is_waiting(partitions, 0));
    partitions_end_wait(partitions, 0);
    ck_assert(!partitions_is_waiting(partitions, 0));
}
END_TEST

START_TEST(a_partition_that_is_held_for_redis_waits_without_a_limit)
{
    for (int64_t now = 0; now < 10 * LIMIT_MS; now += RETRY_MS) {
        partitions_hold(partitions, 0, now, RETRY_MS);
        ck_assert(partitions_is_waiting(partitions, 0));
        ck_assert(partitions_lacks_definitions(partitions, 0)); /* what comes behind it is kept in the same way */
        ck_assert_uint_eq(partitions_lacking_definitions(partitions), 0);
        ck_assert_uint_eq(partitions_waiting(partitions), 1);
        ck_assert_int_eq(take(1, now + RETRY_MS - 1, NULL), 0);
        ck_assert_int_eq(take(1, now + RETRY_MS, NULL), 1);
        ck_assert_int_eq(take(1, now + RETRY_MS, NULL), 0); /* not in two batches one after the other */
    }
    partitions_hold(partitions, 0, 0, RETRY_MS);
    ck_assert_int_eq(take(1, RETRY_MS, NULL), 1);
    partitions_note_answer(partitions, 0);
    partitions_end_wait(partitions, 0);
    ck_assert(!partitions_is_waiting(partitions, 0));
}
END_TEST

START_TEST(a_wait_for_definitions_behind_one_for_redis_has_its_whole_limit)
{
    const int64_t then = 5 * LIMIT_MS;
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    partitions_hold(partitions, 0, RETRY_MS, RETRY_MS);
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 0);
    ck_assert(partitions_wait(partitions, 0, then, RETRY_MS, LIMIT_MS));
    ck_assert_uint_eq(partitions_lacking_definitions(partitions), 1);
    ck_assert(partitions_wait(partitions, 0, then + LIMIT_MS - 1, RETRY_MS, LIMIT_MS));
    ck_assert(!partitions_wait(partitions, 0, then + LIMIT_MS, RETRY_MS, LIMIT_MS));
}
END_TEST

START_TEST(a_new_assignment_knows_of_no_wait)
{
    note(10);
    ck_assert(partitions_wait(partitions, 0, 0, RETRY_MS, LIMIT_MS));
    partitions_cut(partitions, 0, 2);
    partitions_forget(partitions, 0);
    ck_assert(!partitions_is_cut(partitions, 0));
    ck_assert_int_eq(partitions_noted(partitions, 0), -1);
    ck_assert(partitions_wait(partitions, 0, LIMIT_MS, RETRY_MS, LIMIT_MS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("partitions");
    TCase *waits = tcase_create("waits");
    tcase_add_checked_fixture(waits, open_partitions, close_partitions);
    tcase_add_test(waits, a_partition_that_waits_for_definitions_has_one_try_when_it_is_due);
    tcase_add_test(waits, after_an_answer_the_others_follow_in_the_next_batch);
    tcase_add_test(waits, a_try_that_is_put_off_is_made_again_alone);
    tcase_add_test(waits, an_answer_to_a_command_before_the_one_that_lacks_definitions_ends_no_wait);
    tcase_add_test(waits, the_limit_counts_from_the_first_wait_and_then_nothing_waits);
    tcase_add_test(waits, tries_leave_room_for_others_and_each_partition_has_its_turn);
    tcase_add_test(waits, a_batch_of_one_command_is_not_always_a_try);
    tcase_add_test(waits, what_was_dropped_comes_again_within_the_same_limit);
    tcase_add_test(waits, the_limit_of_a_wait_that_goes_on_is_not_renewed);
    tcase_add_test(waits, a_partition_of_which_nothing_is_left_is_due_once);
    tcase_add_test(waits, a_partition_that_is_held_for_redis_waits_without_a_limit);
    tcase_add_test(waits, a_wait_for_definitions_behind_one_for_redis_has_its_whole_limit);
    tcase_add_test(waits, a_new_assignment_knows_of_no_wait);
    suite_add_tcase(suite, waits);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
