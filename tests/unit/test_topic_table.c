/* topic_table: the topics for replies, from a sequence of metadata replies. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/sink/topic_table.h"

static struct topic_table table;

/* A metadata reply at this time: "a=3 b=1 c=0", names and their numbers of partitions; 0: one has no leader. */
static bool answer(int64_t now_ms, const char *text)
{
    struct topic_table fresh;
    char name[64];
    int partitions, length;
    ck_assert(topic_table_open(&fresh, 8, &table));
    for (; sscanf(text, " %63[^=]=%d%n", name, &partitions, &length) == 2; text += length)
        ck_assert(topic_table_add(&fresh, name, partitions));
    bool doubts = topic_table_settle(&fresh, &table, now_ms);
    table = fresh;
    return doubts;
}

static int32_t partitions_of(const char *name)
{
    const struct topic_entry *entry = topic_table_find(&table, span_of_text(name));
    return entry ? entry->partitions : 0;
}

static void begin(void)
{
    table = (struct topic_table){0};
}

static void end(void)
{
    topic_table_close(&table);
}

START_TEST(topics_are_found_by_their_whole_name)
{
    ck_assert(!answer(1000, "b=2 a=1 ab=3 a.b=4"));
    ck_assert_int_eq(partitions_of("a"), 1);
    ck_assert_int_eq(partitions_of("ab"), 3);
    ck_assert_int_eq(partitions_of("a.b"), 4);
    ck_assert_int_eq(partitions_of("b"), 2);
    ck_assert_int_eq(partitions_of(""), 0);
    ck_assert_int_eq(partitions_of("aa"), 0);
    ck_assert_int_eq(partitions_of("abc"), 0);
    ck_assert_ptr_null(topic_table_find(&table, span_of("a\0b", 3)));
}
END_TEST

START_TEST(empty_table_has_nothing)
{
    ck_assert(!answer(1000, ""));
    ck_assert_int_eq(partitions_of("a"), 0);
}
END_TEST

START_TEST(topic_that_grows_has_its_new_partitions_at_once)
{
    answer(1000, "a=1");
    ck_assert(!answer(2000, "a=3"));
    ck_assert_int_eq(partitions_of("a"), 3);
}
END_TEST

START_TEST(topic_that_answers_lack_stays_for_a_moment)
{
    answer(1000, "a=2 b=1");
    ck_assert(answer(5000, "b=1"));
    ck_assert_int_eq(partitions_of("a"), 2);
    ck_assert(answer(5000 + TOPIC_GONE_MS - 1, "b=1"));
    ck_assert_int_eq(partitions_of("a"), 2);
    ck_assert(!answer(5000 + TOPIC_GONE_MS, "b=1"));
    ck_assert_int_eq(partitions_of("a"), 0);
    ck_assert_uint_eq(table.count, 1);
}
END_TEST

START_TEST(topic_that_is_back_is_in_doubt_anew_when_it_goes_again)
{
    answer(1000, "a=2");
    answer(5000, "");
    ck_assert(!answer(6000, "a=2"));
    ck_assert(answer(9000, ""));
    ck_assert_int_eq(partitions_of("a"), 2);
}
END_TEST

START_TEST(topic_without_a_leader_stays_longer)
{
    answer(1000, "a=2");
    ck_assert(answer(5000, "a=0"));
    ck_assert_int_eq(partitions_of("a"), 2);
    ck_assert(answer(5000 + TOPIC_LEADERLESS_MS - 1, "a=0"));
    ck_assert_int_eq(partitions_of("a"), 2);
    ck_assert(!answer(5000 + TOPIC_LEADERLESS_MS, "a=0"));
    ck_assert_int_eq(partitions_of("a"), 0);
    /* The time does not restart. */
    ck_assert(!answer(6000 + TOPIC_LEADERLESS_MS, "a=0"));
    ck_assert_int_eq(partitions_of("a"), 0);
    ck_assert(!answer(7000 + TOPIC_LEADERLESS_MS, "a=2"));
    ck_assert_int_eq(partitions_of("a"), 2);
}
END_TEST

START_TEST(new_topic_without_a_leader_cannot_be_used_yet)
{
    ck_assert(!answer(1000, "a=0"));
    ck_assert_int_eq(partitions_of("a"), 0);
    ck_assert(!answer(2000, "a=0"));
    ck_assert_int_eq(partitions_of("a"), 0);
    answer(3000, "a=1");
    ck_assert_int_eq(partitions_of("a"), 1);
}
END_TEST

START_TEST(suspended_topic_stays_so_until_its_time)
{
    answer(1000, "a=1 b=1");
    topic_table_find(&table, span_of_text("a"))->any.until_ms = 9000;
    answer(2000, "a=0 b=1");
    answer(3000, "b=1");
    answer(4000, "a=1 b=1");
    ck_assert_int_eq(topic_table_find(&table, span_of_text("a"))->any.until_ms, 9000);
    ck_assert_int_eq(topic_table_find(&table, span_of_text("b"))->any.until_ms, 0);
}
END_TEST

START_TEST(settings_stay_known_from_answer_to_answer)
{
    answer(1000, "a=1 b=1");
    struct topic_settings *settings = &topic_table_find(&table, span_of_text("a"))->settings;
    *settings = (struct topic_settings){.asked_ms = 1500, .is_wanted = true, .limit = {"max.message.bytes", 50, 256}};
    answer(2000, "a=2 b=1");
    answer(3000, "b=1");
    answer(4000, "a=2 b=1");
    settings = &topic_table_find(&table, span_of_text("a"))->settings;
    ck_assert_int_eq(settings->asked_ms, 1500);
    ck_assert(settings->is_wanted);
    ck_assert_int_eq(settings->limit.value, 50);
    ck_assert_int_eq(topic_table_find(&table, span_of_text("b"))->settings.asked_ms, 0);
}
END_TEST

/* The table holds what replies have reported, however many topics come and go. */
START_TEST(table_does_not_grow_by_topics_that_are_gone)
{
    for (int64_t i = 0; i < 1000; i++) {
        char text[64];
        snprintf(text, sizeof(text), "t%d=1", (int)i);
        answer(1000 + i * 1000, text);
        ck_assert_uint_le(table.count, 3);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topic_table");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, topics_are_found_by_their_whole_name);
    tcase_add_test(tests, empty_table_has_nothing);
    tcase_add_test(tests, topic_that_grows_has_its_new_partitions_at_once);
    tcase_add_test(tests, topic_that_answers_lack_stays_for_a_moment);
    tcase_add_test(tests, topic_that_is_back_is_in_doubt_anew_when_it_goes_again);
    tcase_add_test(tests, topic_without_a_leader_stays_longer);
    tcase_add_test(tests, new_topic_without_a_leader_cannot_be_used_yet);
    tcase_add_test(tests, suspended_topic_stays_so_until_its_time);
    tcase_add_test(tests, settings_stay_known_from_answer_to_answer);
    tcase_add_test(tests, table_does_not_grow_by_topics_that_are_gone);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
