/* Tests of common/rate.h: a steady rate, and pauses. */
#include <check.h>
#include <stdlib.h>

#include "common/rate.h"

/* How many things are done in the time, if as many as possible are done every `step_ms`. */
static int64_t done_within(struct rate *rate, int64_t from_ms, int64_t to_ms, int64_t step_ms)
{
    int64_t done = 0;
    for (int64_t now_ms = from_ms; now_ms < to_ms; now_ms += step_ms) {
        const int64_t left = rate_left(rate, now_ms);
        if (left <= 0)
            continue;
        rate_take(rate, left);
        done += left;
    }
    return done;
}

START_TEST(without_a_limit_all_may_be_taken)
{
    struct rate rate = RATE_OF(0);
    ck_assert_int_eq(rate_left(&rate, 5), INT64_MAX);
    rate_take(&rate, 1000000);
    ck_assert_int_eq(rate_left(&rate, 5), INT64_MAX);
}
END_TEST

START_TEST(the_first_may_be_taken_at_once_and_the_others_at_the_rate)
{
    struct rate rate = RATE_OF(10);
    ck_assert_int_eq(rate_left(&rate, 50000), 1);
    rate_take(&rate, 1);
    ck_assert_int_eq(rate_left(&rate, 50099), 0);
    ck_assert_int_eq(rate_left(&rate, 50100), 1);
    ck_assert_int_eq(done_within(&rate, 50100, 60000, 10), 99);
}
END_TEST

START_TEST(what_was_taken_too_early_is_waited_for)
{
    struct rate rate = RATE_OF(10);
    ck_assert_int_eq(rate_left(&rate, 0), 1);
    rate_take(&rate, 5);
    ck_assert_int_eq(rate_left(&rate, 499), 0);
    ck_assert_int_eq(rate_left(&rate, 500), 1);
    rate_take(&rate, -2);
    ck_assert_int_eq(rate_left(&rate, 500), 3);
}
END_TEST

START_TEST(a_pause_is_made_up_for_by_one_second_at_most)
{
    static const int64_t pauses[] = {100, 999, 1000, 1500, 60000, INT64_C(86400000)};
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        struct rate rate = RATE_OF(20);
        ck_assert_int_eq(done_within(&rate, 1000, 3000, 10), 40);
        const int64_t from_ms = 3000 + pauses[i];
        ck_assert_int_le(rate_left(&rate, from_ms), 21);
        ck_assert_int_le(done_within(&rate, from_ms, from_ms + 5000, 10), 20 * 6 + 1);
        ck_assert_int_ge(done_within(&rate, from_ms + 5000, from_ms + 10000, 10), 99);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate");
    TCase *tcase = tcase_create("rate");
    tcase_add_test(tcase, without_a_limit_all_may_be_taken);
    tcase_add_test(tcase, the_first_may_be_taken_at_once_and_the_others_at_the_rate);
    tcase_add_test(tcase, what_was_taken_too_early_is_waited_for);
    tcase_add_test(tcase, a_pause_is_made_up_for_by_one_second_at_most);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
