/* size_limits: the recent refusals of topics. */
#include "tests/unit/evaluating.h"

#include <stdio.h>

#include "worker/sink/size_limits.h"

START_TEST(the_smallest_refusal_of_each_topic_counts)
{
    struct size_limits limits = {0};
    ck_assert(size_limits_is_empty(&limits));
    ck_assert_uint_eq(size_limits_get(&limits, "a", 1000), SIZE_MAX);
    size_limits_learn(&limits, "a", 5000, 1000);
    size_limits_learn(&limits, "a", 4000, 1001);
    size_limits_learn(&limits, "a", 6000, 1002);
    size_limits_learn(&limits, "b", 100, 1003);
    ck_assert(!size_limits_is_empty(&limits));
    ck_assert_uint_eq(size_limits_get(&limits, "a", 2000), 4000);
    ck_assert_uint_eq(size_limits_get(&limits, "b", 2000), 100);
    ck_assert_uint_eq(size_limits_get(&limits, "c", 2000), SIZE_MAX);
}
END_TEST

/* A raised limit is noticed. */
START_TEST(a_refusal_is_forgotten_after_a_minute)
{
    struct size_limits limits = {0};
    size_limits_learn(&limits, "a", 4000, 1000);
    size_limits_learn(&limits, "a", 5000, 1000 + SIZE_LIMITS_KEEP_MS - 1);
    ck_assert_uint_eq(size_limits_get(&limits, "a", 1000 + SIZE_LIMITS_KEEP_MS - 1), 4000);
    ck_assert_uint_eq(size_limits_get(&limits, "a", 1000 + SIZE_LIMITS_KEEP_MS), SIZE_MAX);
    size_limits_learn(&limits, "a", 9000, 1000 + SIZE_LIMITS_KEEP_MS);
    ck_assert_uint_eq(size_limits_get(&limits, "a", 1000 + SIZE_LIMITS_KEEP_MS), 9000);
}
END_TEST

/* A refusal counts only for the batch in which it happened. */
START_TEST(a_batch_knows_its_own_refusals_only)
{
    struct size_limits limits = {0};
    size_limits_begin_batch(&limits);
    size_limits_learn(&limits, "a", 4000, 1000);
    ck_assert_uint_eq(size_limits_in_batch(&limits, "a"), 4000);
    ck_assert_uint_eq(size_limits_in_batch(&limits, "b"), SIZE_MAX);
    size_limits_begin_batch(&limits);
    ck_assert_uint_eq(size_limits_in_batch(&limits, "a"), SIZE_MAX);
    ck_assert_uint_eq(size_limits_get(&limits, "a", 2000), 4000);
    size_limits_learn(&limits, "a", 5000, 2000);
    ck_assert_uint_eq(size_limits_in_batch(&limits, "a"), 5000);
    ck_assert_uint_eq(size_limits_get(&limits, "a", 2000), 4000);
}
END_TEST

START_TEST(the_oldest_gives_way)
{
    struct size_limits limits = {0};
    char topic[32];
    for (int i = 0; i <= SIZE_LIMITS_TOPICS; i++) {
        snprintf(topic, sizeof(topic), "topic-%d", i);
        size_limits_learn(&limits, topic, 100, 1000 + i);
    }
    ck_assert_uint_eq(size_limits_get(&limits, "topic-0", 2000), SIZE_MAX);
    ck_assert_uint_eq(size_limits_get(&limits, "topic-1", 2000), 100);
    ck_assert_uint_eq(size_limits_get(&limits, topic, 2000), 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("size_limits");
    TCase *tests = tcase_create("size_limits");
    tcase_add_test(tests, the_smallest_refusal_of_each_topic_counts);
    tcase_add_test(tests, a_refusal_is_forgotten_after_a_minute);
    tcase_add_test(tests, a_batch_knows_its_own_refusals_only);
    tcase_add_test(tests, the_oldest_gives_way);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
