/* The metadata of committed offsets: our text is read back, and other clients' texts are not taken for ours. */
#include <check.h>
#include <stdio.h>
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
    ck_assert_int_eq(found.kind, mark.kind);
    ck_assert_int_eq(found.base, mark.base);
    ck_assert_int_eq(found.bytes, mark.bytes);
    ck_assert_int_eq(found.limit, mark.limit);
    ck_assert_int_eq(found.end, mark.end);
}

static struct log_mark of_command(int64_t answered, int64_t offset, int64_t timestamp_ms, uint64_t hash, int64_t nonce)
{
    return (struct log_mark){
        .answered = answered, .offset = offset, .timestamp_ms = timestamp_ms, .hash = hash, .nonce = nonce};
}

static struct log_mark of_unreadable(int64_t offset, int64_t base, int64_t bytes)
{
    return (struct log_mark){400, offset, -1, 0, 7, LOG_MARK_UNREADABLE, base, bytes, 100000000, 0};
}

static struct log_mark of_next(int64_t offset, uint64_t hash)
{
    return (struct log_mark){400, offset, -1, hash, 7, LOG_MARK_NEXT, 0, 0, 0, 0};
}

static struct log_mark of_nothing(int64_t offset, int64_t end)
{
    return (struct log_mark){400, offset, -1, 0, 7, LOG_MARK_NOTHING, 0, 0, 0, end};
}

START_TEST(a_command_is_told_by_offset_timestamp_and_value)
{
    const struct log_mark mark = of_command(400, 399, 1700000000000, 0xfeed, 7);
    const struct log_mark others[] = {of_command(400, 398, 1700000000000, 0xfeed, 7),
                                      of_command(400, 399, 1700000000001, 0xfeed, 7),
                                      of_command(400, 399, 1700000000000, 0xfeee, 7)};
    ck_assert(
        log_mark_is_same(&mark, &(struct log_mark){-1, 399, 1700000000000, 0xfeed, -1, LOG_MARK_COMMAND, 0, 0, 0, 0}));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert(!log_mark_is_same(&mark, &others[i]));
}
END_TEST

START_TEST(a_batch_is_told_by_its_beginning_and_size)
{
    struct log_mark mark = of_unreadable(30, 20, 295), same = mark, unsized = of_unreadable(30, 20, 0);
    same.limit = 1;
    same.answered = same.nonce = -1;
    ck_assert(log_mark_is_same(&mark, &same));
    ck_assert(log_mark_is_same(&mark, &unsized));
    ck_assert(log_mark_is_same(&unsized, &mark));
    const struct log_mark others[] = {of_unreadable(31, 20, 295), of_unreadable(30, 21, 295),
                                      of_unreadable(30, 20, 296), of_next(30, 0), of_command(400, 30, -1, 0, 7)};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert(!log_mark_is_same(&mark, &others[i]));
    mark = of_next(30, 5);
    same = of_next(30, 5);
    const struct log_mark another = of_next(30, 6);
    ck_assert(log_mark_is_same(&mark, &same));
    ck_assert(!log_mark_is_same(&mark, &another));
}
END_TEST

START_TEST(a_mark_survives_as_text)
{
    expect_round_trip(LOG_MARK_NONE, "client-intake - - - -");
    expect_round_trip(of_command(400, -1, -1, 0, -1), "client-intake 400 - - -");
    expect_round_trip(of_command(400, 399, 1700000000000, 0xfeed, -1),
                      "client-intake 400 399 1700000000000 000000000000feed");
    expect_round_trip(of_command(0, 0, -1, UINT64_MAX, -1), "client-intake 0 0 -1 ffffffffffffffff");
    expect_round_trip(of_command(400, -1, -1, 0, 1), "client-intake 400 - - - 1");
    expect_round_trip(of_command(INT64_MAX, INT64_MAX, INT64_MAX, 1, INT64_MAX),
                      "client-intake 9223372036854775807 9223372036854775807 9223372036854775807 0000000000000001 "
                      "9223372036854775807");
}
END_TEST

START_TEST(a_mark_without_a_command_survives_as_text)
{
    expect_round_trip(of_unreadable(30, 20, 295), "client-intake 400 - 1"
                                                  "0000000000000000030"
                                                  "0000000010"
                                                  "0000000295"
                                                  "0100000000 - 7");
    expect_round_trip(of_next(30, UINT64_MAX), "client-intake 400 - 2"
                                               "0000000000000000030"
                                               "18446744073709551615 - 7");
    struct log_mark longest = of_unreadable(INT64_MAX, INT64_MAX - INT32_MAX, INT32_MAX);
    longest.answered = longest.nonce = INT64_MAX;
    longest.limit = INT32_MAX;
    expect_round_trip(longest, "client-intake 9223372036854775807 - 1"
                               "9223372036854775807"
                               "2147483647"
                               "2147483647"
                               "2147483647 - 9223372036854775807");
    expect_round_trip(of_nothing(30, 40), "client-intake 400 - 3"
                                          "0000000000000000030"
                                          "0000000000000000040 - 7");
    longest = of_next(INT64_MAX, 0);
    longest.nonce = -1;
    expect_round_trip(longest, "client-intake 400 - 2"
                               "9223372036854775807"
                               "00000000000000000000 -");
}
END_TEST

/* They tell how far commands are answered, and by which commit. */
START_TEST(of_an_unknown_kind_the_rest_is_read)
{
    static const char *const places[] = {
        "5",
        "1700000000000",
        "3000000000000000003000000000000000000400" /* a digit too many */,
        "300000000000000000309999999999999999999" /* no such offset is there */,
        "1000000000000000003000000000100000002950100000000" /* a digit is missing */,
        "10000000000000000030000000003100000002950100000000" /* it begins below 0 */,
        "19999999999999999999000000001000000002950100000000",
        "2999999999999999999900000000000000000007",
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char text[LOG_MARK_BYTES];
        struct log_mark mark;
        int length = snprintf(text, sizeof(text), "client-intake 400 - %s - 7", places[i]);
        ck_assert_msg(log_mark_read(text, (size_t)length, &mark), "%s", text);
        const struct log_mark expected = of_command(400, -1, -1, 0, 7);
        ck_assert(log_mark_is_same(&mark, &expected));
        ck_assert_int_eq(mark.answered, 400);
        ck_assert_int_eq(mark.nonce, 7);
    }
}
END_TEST

/* What versions before these kinds made of the text, word by word. */
START_TEST(earlier_versions_find_no_mark_where_there_is_no_command)
{
    const struct log_mark marks[] = {of_unreadable(30, 20, 295), of_next(30, UINT64_MAX), of_nothing(30, 40)};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        char text[LOG_MARK_BYTES], *end;
        log_mark_write(&marks[i], text);
        const char *at = text + strlen("client-intake ");
        ck_assert_int_eq(strtoll(at, &end, 10), 400);
        ck_assert_int_eq(strncmp(end, " - ", 3), 0);
        at = end + 3;
        (void)strtoll(at, &end, 10); /* the timestamp, of which only its end counts */
        ck_assert_str_eq(end, " - 7");
    }
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
                                        "client-intake 4 - 10000000000000000030000000001000000002950100000000",
                                        "client-intake 4 - 10000000000000000030000000001000000002950100000000 5",
                                        "client-intake 4 - 1000000000000000003000000000100000000295x0100000000 - 5",
                                        "another 4 3 2 0000000000000001"};
    struct log_mark mark = of_command(1, 2, 3, 4, 5);
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
    tcase_add_test(tcase, a_batch_is_told_by_its_beginning_and_size);
    tcase_add_test(tcase, a_mark_survives_as_text);
    tcase_add_test(tcase, a_mark_without_a_command_survives_as_text);
    tcase_add_test(tcase, of_an_unknown_kind_the_rest_is_read);
    tcase_add_test(tcase, earlier_versions_find_no_mark_where_there_is_no_command);
    tcase_add_test(tcase, what_others_write_is_no_mark);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
