/* Offsets by partition, and their text. */
#include <check.h>

#include "worker/kafka/offsets.h"

static struct arena arena;

static void open_arena(void)
{
    ck_assert_int_eq(arena_open(&arena, 1 << 16), 0);
}

static void close_arena(void)
{
    arena_close(&arena);
}

static struct offsets read(const char *text)
{
    struct offsets offsets;
    ck_assert_msg(offsets_parse(span_of_text(text), &offsets), "%s", text);
    return offsets;
}

static void expect(struct offsets *offsets, const char *text)
{
    struct span written = offsets_text(offsets, &arena);
    ck_assert_msg(span_equal(written, span_of_text(text)), "%.*s, not %s", SPAN_FORMAT(written), text);
    offsets_free(offsets);
}

START_TEST(text_and_back)
{
    static const char *const texts[] = {
        "", "0", "-", "17", "1,-,3", "-,-", "999999999999999999", "9223372036854775807"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct offsets offsets = read(texts[i]);
        expect(&offsets, texts[i]);
    }
}
END_TEST

START_TEST(other_texts_are_refused)
{
    static const char *const texts[] = {
        ",", "1,", ",1", "1,,2", "x", "1 ", "--", "-1", "1000000000000000000000", "9223372036854775808", "1;2"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct offsets offsets;
        ck_assert_msg(!offsets_parse(span_of_text(texts[i]), &offsets), "%s", texts[i]);
        ck_assert_ptr_null(offsets.at);
    }
}
END_TEST

START_TEST(what_is_beyond_the_end_is_not_known)
{
    struct offsets offsets = {0};
    ck_assert_int_eq(offsets_get(&offsets, 0), OFFSET_NONE);
    offsets_set(&offsets, 3, 7);
    ck_assert_int_eq(offsets_get(&offsets, 3), 7);
    ck_assert_int_eq(offsets_get(&offsets, 2), OFFSET_NONE);
    ck_assert_int_eq(offsets_get(&offsets, 4), OFFSET_NONE);
    ck_assert_int_eq(offsets_get(&offsets, -1), OFFSET_NONE);
    expect(&offsets, "-,-,-,7");
}
END_TEST

START_TEST(raising_goes_up_only)
{
    struct offsets offsets = read("5,-,7"), others = read("4,2,8,1");
    offsets_raise_all(&offsets, &others);
    offsets_raise(&offsets, 0, 3);
    offsets_free(&others);
    expect(&offsets, "5,2,8,1");
}
END_TEST

START_TEST(lowering_takes_the_lesser_and_an_unknown_one_is_the_least)
{
    struct offsets offsets = read("5,9,7,3"), others = read("4,-,8");
    offsets_lower_all(&offsets, &others);
    offsets_free(&others);
    expect(&offsets, "4,-,7,-");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offsets");
    TCase *tcase = tcase_create("offsets");
    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, text_and_back);
    tcase_add_test(tcase, other_texts_are_refused);
    tcase_add_test(tcase, what_is_beyond_the_end_is_not_known);
    tcase_add_test(tcase, raising_goes_up_only);
    tcase_add_test(tcase, lowering_takes_the_lesser_and_an_unknown_one_is_the_least);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
