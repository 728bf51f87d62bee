/* What is known of offsets that librdkafka cannot parse: how many of one batch have failed. */
#include "tests/unit/evaluating.h"

#include "worker/replay/unparsed_batch.h"
#include "worker/source/parse_range.h"

static const struct parse_range nothing = {.first = -1};

static struct parse_range range_at(int64_t lowest, int64_t offset, const struct parse_range *before)
{
    const struct parse_finding finding = {.kind = PARSE_FAILED, .offset = offset, .lowest = lowest};
    return parse_range_of(&finding, before);
}

START_TEST(failures_of_one_batch_are_counted)
{
    struct parse_range range = range_at(0, 10, &nothing);
    ck_assert_int_eq(range.failed, 1);
    range = range_at(0, 12, &range);
    ck_assert_int_eq(range.failed, 2);
    range = range_at(100, 110, &range);
    ck_assert_int_eq(range.failed, 1);
}
END_TEST

/* The first batch of each log begins at the same offset. */
START_TEST(failures_of_another_log_are_not)
{
    struct parse_range range = nothing;
    for (int64_t offset = 0; offset < 40; offset += 2)
        range = range_at(0, offset, &range);
    ck_assert_int_eq(range.failed, 20);
    range = range_at(0, 5, &range);
    ck_assert_int_eq(range.failed, 1);
}
END_TEST

START_TEST(what_a_reader_knows_of_one_topic_is_not_that_of_the_next)
{
    struct unparsed_batch batch;
    unparsed_batch_init(&batch, NULL, "one");
    batch.partition = 0;
    batch.from = 7;
    batch.passed = 500; /* a look at the topic of before has come so far */
    batch.range = range_at(0, 5, &nothing);
    batch.looked_ms = batch.found_ms = 1;
    unparsed_batch_turn(&batch, "other");
    ck_assert_str_eq(batch.topic, "other");
    ck_assert_int_eq(batch.from, -1);
    ck_assert_int_eq(batch.range.failed, 0);
    ck_assert_int_eq(batch.looked_ms, 0);
    ck_assert_int_eq(batch.found_ms, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parse_range");
    TCase *tests = tcase_create("counts");
    tcase_add_test(tests, failures_of_one_batch_are_counted);
    tcase_add_test(tests, failures_of_another_log_are_not);
    tcase_add_test(tests, what_a_reader_knows_of_one_topic_is_not_that_of_the_next);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
