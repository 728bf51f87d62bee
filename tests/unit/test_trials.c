/* trials: how often reply topics that take nothing are tried, and how much time they may take. */
#include "tests/unit/evaluating.h"

#include "worker/sink/trials.h"

START_TEST(topic_that_refuses_again_and_again_is_left_alone_for_longer)
{
    static const int64_t seconds[] = {10, 20, 40, 80, 160, 300, 300, 300};
    struct topic_standing standing = {0};
    int64_t now = 1000;
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        ck_assert(standing_refuse(&standing, REFUSAL_DENIED, now));
        ck_assert_int_eq(standing.until_ms - now, seconds[i] * 1000);
        now = standing.until_ms;
    }
}
END_TEST

START_TEST(refusals_of_one_try_count_once)
{
    struct topic_standing standing = {0};
    ck_assert(standing_refuse(&standing, REFUSAL_DENIED, 1000));
    ck_assert(!standing_refuse(&standing, REFUSAL_DENIED, 1001));
    ck_assert(!standing_refuse(&standing, REFUSAL_STUCK, 1002));
    ck_assert_int_eq(standing.until_ms, 11000);
    ck_assert_uint_eq(standing.refusals, 1);
}
END_TEST

START_TEST(topic_that_takes_replies_for_long_begins_again)
{
    struct topic_standing standing = {0};
    (void)!standing_refuse(&standing, REFUSAL_DENIED, 1000);
    (void)!standing_refuse(&standing, REFUSAL_DENIED, 20000);
    ck_assert_int_eq(standing.until_ms, 40000);
    standing_prove(&standing, 40000);
    ck_assert(standing.is_proven);
    (void)!standing_refuse(&standing, REFUSAL_DENIED, 40000 + STANDING_LONGEST_MS);
    ck_assert(!standing.is_proven);
    ck_assert_int_eq(standing.until_ms, 50000 + STANDING_LONGEST_MS);
}
END_TEST

/* One of its partitions takes replies, and another one none. */
START_TEST(topic_that_takes_some_replies_is_left_alone_for_longer_too)
{
    struct topic_standing standing = {0};
    (void)!standing_refuse(&standing, REFUSAL_DENIED, 1000);
    standing_prove(&standing, 1001);
    ck_assert(!standing.is_proven);
    standing_prove(&standing, 11000);
    ck_assert(standing.is_proven);
    (void)!standing_refuse(&standing, REFUSAL_DENIED, 12000);
    ck_assert_int_eq(standing.until_ms, 32000);
}
END_TEST

/* It may be Kafka that fails, for a moment. */
START_TEST(topic_that_fails_for_long_is_left_alone)
{
    struct topic_standing standing = {0};
    int64_t now = 1000;
    for (; now < 1000 + STANDING_DOUBT_MS; now += 1000) {
        ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, now), -1);
        standing_prove(&standing, now); /* other partitions of it, or other threads */
    }
    ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, now), STANDING_DOUBT_MS);
    ck_assert(!standing.is_proven);
    ck_assert_int_eq(standing.until_ms, now + 30000);
    ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, now + 1), -1);
    now = standing.until_ms;
    ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, now), 0);
    ck_assert_int_eq(standing.until_ms, now + 60000);
}
END_TEST

START_TEST(topic_that_fails_now_and_then_stays_in_use)
{
    struct topic_standing standing = {0};
    for (int64_t now = 1000; now < 1000000; now += DOUBT_QUIET_MS)
        ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, now), -1);
    ck_assert_int_eq(standing.until_ms, 0);
}
END_TEST

/* Tries that take long. */
START_TEST(topic_that_has_failed_twice_stays_in_use)
{
    struct topic_standing standing = {0};
    ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, 1000), -1);
    ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, 1000 + STANDING_DOUBT_MS), -1);
    ck_assert_int_eq(standing_doubt(&standing, OWN_WORKED, 1001 + STANDING_DOUBT_MS), STANDING_DOUBT_MS + 1);
}
END_TEST

/* Then Kafka fails as a whole. */
START_TEST(topic_that_fails_beside_our_own_stays_in_use)
{
    struct topic_standing standing = {0};
    for (int64_t now = 1000; now < 1000000; now += 1000)
        ck_assert_int_eq(standing_doubt(&standing, now % 9000 ? OWN_WORKED : OWN_FAILED, now), -1);
    ck_assert_int_eq(standing.until_ms, 0);
}
END_TEST

/* Nothing tells whether Kafka fails as a whole, but a partition must not wait without end. */
START_TEST(topic_that_fails_beside_silent_ones_has_longer)
{
    struct topic_standing standing = {0};
    int64_t now = 1000;
    for (; now < 1000 + STANDING_SILENT_MS; now += 1000)
        ck_assert_int_eq(standing_doubt(&standing, OWN_SILENT, now), -1);
    ck_assert_int_eq(standing_doubt(&standing, OWN_SILENT, now), STANDING_SILENT_MS);
}
END_TEST

/* Only what exists can be deleted, so nobody can go on with it. */
START_TEST(topic_that_is_gone_is_looked_for_soon)
{
    struct topic_standing standing = {0};
    for (int64_t now = 1000; now < 100000; now += 10000) {
        ck_assert(standing_refuse(&standing, REFUSAL_GONE, now));
        ck_assert_int_eq(standing.until_ms, now + 2000);
    }
}
END_TEST

START_TEST(trials_pause_for_a_multiple_of_what_they_lost)
{
    static const int64_t factors[] = {2, 4, 8, 16, 16};
    struct trials trials = {0};
    int64_t now = 1000;
    ck_assert(trials_are_open(&trials, now));
    trials_fail(&trials, TRIALS_FREE_MS, now);
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        trials_fail(&trials, 1000, now);
        ck_assert(!trials_are_open(&trials, now + factors[i] * 1000 - 1));
        now += factors[i] * 1000;
        ck_assert(trials_are_open(&trials, now));
    }
    now += TRIALS_QUIET_MS;
    trials_fail(&trials, TRIALS_FREE_MS, now);
    ck_assert(trials_are_open(&trials, now));
}
END_TEST

/* A few topics that take nothing do not keep others from being tried. */
START_TEST(few_refusals_pause_nothing)
{
    struct trials trials = {0};
    int64_t now = 1000;
    for (int i = 0; i < TRIALS_FREE_MS / TRIALS_LOST_MIN_MS; i++) {
        trials_fail(&trials, 1, now += 1000);
        ck_assert(trials_are_open(&trials, now));
    }
    trials_fail(&trials, 1, now += 1000);
    ck_assert(!trials_are_open(&trials, now));
}
END_TEST

/* Any number of topics, each of which undoes a transaction whenever it may be tried. */
static void expect_little_loss(int64_t lost_ms, int64_t most_percent)
{
    const int64_t hour_ms = 3600000;
    struct trials trials = {0};
    int64_t lost = 0;
    for (int64_t now = 0; now < hour_ms; now += 10)
        if (trials_are_open(&trials, now)) {
            now += lost_ms;
            lost += lost_ms;
            trials_fail(&trials, lost_ms, now);
        }
    ck_assert_int_le(lost * 100, hour_ms * most_percent);
}

START_TEST(endless_refusals_take_little_time)
{
    expect_little_loss(1, 1);
    expect_little_loss(300, 7);
    expect_little_loss(10000, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trials");
    TCase *tests = tcase_create("trials");
    tcase_add_test(tests, topic_that_refuses_again_and_again_is_left_alone_for_longer);
    tcase_add_test(tests, refusals_of_one_try_count_once);
    tcase_add_test(tests, topic_that_takes_replies_for_long_begins_again);
    tcase_add_test(tests, topic_that_takes_some_replies_is_left_alone_for_longer_too);
    tcase_add_test(tests, topic_that_fails_for_long_is_left_alone);
    tcase_add_test(tests, topic_that_fails_now_and_then_stays_in_use);
    tcase_add_test(tests, topic_that_has_failed_twice_stays_in_use);
    tcase_add_test(tests, topic_that_fails_beside_our_own_stays_in_use);
    tcase_add_test(tests, topic_that_fails_beside_silent_ones_has_longer);
    tcase_add_test(tests, topic_that_is_gone_is_looked_for_soon);
    tcase_add_test(tests, trials_pause_for_a_multiple_of_what_they_lost);
    tcase_add_test(tests, few_refusals_pause_nothing);
    tcase_add_test(tests, endless_refusals_take_little_time);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
