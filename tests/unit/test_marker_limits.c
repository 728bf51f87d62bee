/* marker_limits: topics whose settings may refuse the marker that ends a transaction. */
#include "tests/unit/evaluating.h"

#include <stdio.h>

#include "worker/kafka/marker_limits.h"

/* The setting that is too small, as "NAME VALUE"; "" for none. `settings`: "NAME=VALUE NAME=VALUE". */
static const char *small(const char *settings)
{
    static char found[128];
    char name[64], value[64];
    int length;
    struct marker_limit limit = {"before", 1, 1};
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, "a");
    for (; sscanf(settings, " %63[^=]=%63s%n", name, value, &length) == 2; settings += length)
        ck_assert_int_eq(rd_kafka_ConfigResource_set_config(topic, name, value), RD_KAFKA_RESP_ERR_NO_ERROR);
    const bool is_small = marker_limit_find(topic, &limit);
    rd_kafka_ConfigResource_destroy(topic);
    ck_assert_int_eq(is_small, limit.setting != NULL);
    if (!is_small)
        return "";
    ck_assert_int_lt(limit.value, limit.least);
    snprintf(found, sizeof(found), "%s %lld", limit.setting, (long long)limit.value);
    return found;
}

START_TEST(settings_that_are_not_told_are_fine)
{
    ck_assert_str_eq(small(""), "");
    ck_assert_str_eq(small("retention.ms=1 min.insync.replicas=1"), "");
}
END_TEST

START_TEST(defaults_are_fine)
{
    ck_assert_str_eq(small("max.message.bytes=1048588 segment.bytes=1073741824 message.timestamp.type=CreateTime "
                           "message.timestamp.before.max.ms=9223372036854775807 message.timestamp.after.max.ms=3600000 "
                           "message.timestamp.difference.max.ms=9223372036854775807"),
                     "");
}
END_TEST

START_TEST(a_topic_that_takes_no_message_as_long_as_a_marker_is_found)
{
    ck_assert_str_eq(small("max.message.bytes=50"), "max.message.bytes 50");
    ck_assert_str_eq(small("max.message.bytes=0"), "max.message.bytes 0");
    ck_assert_str_eq(small("max.message.bytes=255"), "max.message.bytes 255");
    ck_assert_str_eq(small("max.message.bytes=256"), "");
    ck_assert_str_eq(small("max.message.bytes=1000 segment.bytes=14"), "segment.bytes 14");
}
END_TEST

START_TEST(a_topic_that_takes_no_time_of_another_clock_is_found)
{
    ck_assert_str_eq(small("message.timestamp.before.max.ms=0"), "message.timestamp.before.max.ms 0");
    ck_assert_str_eq(small("message.timestamp.after.max.ms=59999"), "message.timestamp.after.max.ms 59999");
    ck_assert_str_eq(small("message.timestamp.difference.max.ms=1"), "message.timestamp.difference.max.ms 1");
    ck_assert_str_eq(small("message.timestamp.before.max.ms=60000 message.timestamp.after.max.ms=60000"), "");
}
END_TEST

START_TEST(times_do_not_matter_to_a_topic_that_gives_its_own)
{
    ck_assert_str_eq(small("message.timestamp.type=LogAppendTime message.timestamp.before.max.ms=0"), "");
    ck_assert_str_eq(small("message.timestamp.type=LogAppendTime max.message.bytes=50"), "max.message.bytes 50");
    ck_assert_str_eq(small("message.timestamp.type=CreateTime message.timestamp.before.max.ms=0"),
                     "message.timestamp.before.max.ms 0");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("marker_limits");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, settings_that_are_not_told_are_fine);
    tcase_add_test(tests, defaults_are_fine);
    tcase_add_test(tests, a_topic_that_takes_no_message_as_long_as_a_marker_is_found);
    tcase_add_test(tests, a_topic_that_takes_no_time_of_another_clock_is_found);
    tcase_add_test(tests, times_do_not_matter_to_a_topic_that_gives_its_own);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
