/* The metadata of committed offsets: our text is read back, and other clients' texts are not taken for ours. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "worker/kafka/log_mark.h"

static void expect_round_trip(struct log_mark mark, const char *text)
{
    char written[LOG_MARK_BYTES];
    struct log_mark found;
    ck_assert_uint_eq(log_mark_write(&mark, written), strlen(text));
    ck_assert_str_eq(written, text);
    ck_assert(log_mark_read(written, strlen(written), &found));
    ck_assert_int_eq(found.answered, mark.answered);
    ck_assert_int_eq(found.offset, mark.offset);
    ck_assert_int_eq(found.timestamp_ms, mark.timestamp_ms);
    ck_assert_uint_eq(found.hash, mark.hash);
    ck_assert_int_eq(found.nonce, mark.nonce);
}

START_TEST(a_command_is_told_by_offset_timestamp_and_value)
{
    const struct log_mark mark = {400, 399, 1700000000000, 0xfeed, 7};
    ck_assert(log_mark_is_same(&mark, &(struct log_mark){-1, 399, 1700000000000, 0xfeed, -1}));
    ck_assert(!log_mark_is_same(&mark, &(struct log_mark){400, 398, 1700000000000, 0xfeed, 7}));
    ck_assert(!log_mark_is_same(&mark, &(struct log_mark){400, 399, 1700000000001, 0xfeed, 7}));
    ck_assert(!log_mark_is_same(&mark, &(struct log_mark){400, 399, 1700000000000, 0xfeee, 7}));
}
END_TEST

START_TEST(a_mark_survives_as_text)
{
    expect_round_trip(LOG_MARK_NONE, "client-intake - - - -");
    expect_round_trip((struct log_mark){400, -1, -1, 0, -1}, "client-intake 400 - - -");
    expect_round_trip((struct log_mark){400, 399, 1700000000000, 0xfeed, -1},
                      "client-intake 400 399 1700000000000 000000000000feed");
    expect_round_trip((struct log_mark){0, 0, -1, UINT64_MAX, -1}, "client-intake 0 0 -1 ffffffffffffffff");
    expect_round_trip((struct log_mark){400, -1, -1, 0, 1}, "client-intake 400 - - - 1");
    expect_round_trip((struct log_mark){INT64_MAX, INT64_MAX, INT64_MAX, 1, INT64_MAX},
                      "client-intake 9223372036854775807 9223372036854775807 9223372036854775807 0000000000000001 "
                      "9223372036854775807");
}
END_TEST

START_TEST(what_others_write_is_no_mark)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "client-intake",
                                        "client-intake ",
                                        "client-intake 4",
                                        "client-intake 4 3 2",
                                        "client-intake 4 3 2 ",
                                        "client-intake 4 3 2 1",
                                        "client-intake 4 3 2 00000000000000010",
                                        "client-intake 4 x 2 0000000000000001",
                                        "client-intake 4 - - 0000000000000001",
                                        "client-intake 4 3 2 0000000000000001 ",
                                        "client-intake 4 3 2 0000000000000001 -",
                                        "client-intake 4 3 2 0000000000000001 0",
                                        "client-intake 4 3 2 0000000000000001 5x",
                                        "client-intake 4 3 2 0000000000000001 5 6",
                                        "client-intake 4 - - -5",
                                        "another 4 3 2 0000000000000001"};
    struct log_mark mark = {1, 2, 3, 4, 5};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_msg(!log_mark_read(texts[i], strlen(texts[i]), &mark), "%s", texts[i]);
        ck_assert_int_eq(mark.offset, -1);
        ck_assert_int_eq(mark.answered, -1);
        ck_assert_int_eq(mark.nonce, -1);
    }
    char longest[2 * LOG_MARK_BYTES];
    memset(longest, '1', sizeof(longest));
    memcpy(longest, "client-intake ", 14);
    ck_assert(!log_mark_read(longest, sizeof(longest), &mark));
    ck_assert(!log_mark_read(NULL, 0, &mark));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log_mark");
    TCase *tcase = tcase_create("log_mark");
    tcase_add_test(tcase, a_command_is_told_by_offset_timestamp_and_value);
    tcase_add_test(tcase, a_mark_survives_as_text);
    tcase_add_test(tcase, what_others_write_is_no_mark);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
