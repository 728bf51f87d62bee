/* kafka_patience: how long a thread waits for Kafka's answers. */
#include "tests/unit/evaluating.h"

#include "worker/kafka/kafka_patience.h"

START_TEST(near_kafka_a_question_waits_as_long_as_its_kind_needs)
{
    struct kafka_patience patience = {0};
    ck_assert_int_eq(kafka_patience_ms(&patience, 300), 300);
    ck_assert_int_eq(kafka_patience_insist_ms(&patience, 300), 300);
    kafka_patience_answered(&patience, 1000, 1002);
    ck_assert_int_eq(kafka_patience_ms(&patience, 300), 300);
    ck_assert_int_eq(kafka_patience_ms(&patience, 5), 6);
}
END_TEST

START_TEST(slow_answer_lengthens_all_waits)
{
    struct kafka_patience patience = {0};
    kafka_patience_answered(&patience, 1000, 1400);
    ck_assert_int_eq(kafka_patience_ms(&patience, 50), 1200);
    ck_assert_int_eq(kafka_patience_ms(&patience, 1500), 1500);
    kafka_patience_answered(&patience, 2000, 60000);
    ck_assert_int_eq(kafka_patience_ms(&patience, 50), KAFKA_PATIENCE_MOST_MS);
    ck_assert_int_eq(kafka_patience_ms(&patience, 10000), 10000);
}
END_TEST

START_TEST(quick_answers_shorten_the_waits_again)
{
    struct kafka_patience patience = {0};
    kafka_patience_answered(&patience, 0, 1000);
    int last = kafka_patience_ms(&patience, 1);
    for (int answers = 0; last > 6 && answers < 100; answers++) {
        kafka_patience_answered(&patience, 0, 2);
        ck_assert_int_lt(kafka_patience_ms(&patience, 1), last);
        last = kafka_patience_ms(&patience, 1);
    }
    ck_assert_int_eq(last, 6);
}
END_TEST

START_TEST(question_on_which_all_depends_waits_longer_after_each_silence)
{
    static const int waits[] = {300, 600, 1200, 2400, KAFKA_PATIENCE_MOST_MS, KAFKA_PATIENCE_MOST_MS};
    struct kafka_patience patience = {0};
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        int wait_ms = kafka_patience_insist_ms(&patience, 300);
        ck_assert_int_eq(wait_ms, waits[i]);
        ck_assert_int_eq(kafka_patience_ms(&patience, 300), 300); /* the others do not */
        kafka_patience_unanswered(&patience, wait_ms);
    }
    kafka_patience_answered(&patience, 0, 10);
    ck_assert_int_eq(kafka_patience_insist_ms(&patience, 300), 300);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kafka_patience");
    TCase *tests = tcase_create("kafka_patience");
    tcase_add_test(tests, near_kafka_a_question_waits_as_long_as_its_kind_needs);
    tcase_add_test(tests, slow_answer_lengthens_all_waits);
    tcase_add_test(tests, quick_answers_shorten_the_waits_again);
    tcase_add_test(tests, question_on_which_all_depends_waits_longer_after_each_silence);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
