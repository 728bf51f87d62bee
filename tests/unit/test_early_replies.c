/* early_replies: what is kept, what goes, and in which order. */
#include <check.h>
#include <string.h>

#include "worker/commands/early_replies.h"

static struct early_replies early;

static void add(int64_t offset, const char *text)
{
    struct early_reply reply = {.partition = 1, .offset = offset, .bytes = (char *)text, .length = strlen(text)};
    ck_assert(early_replies_add(&early, &reply));
}

START_TEST(a_copy_is_kept)
{
    char text[] = "reply";
    add(7, text);
    text[0] = 'x';
    ck_assert_uint_eq(early.count, 1);
    ck_assert_int_eq(early.items[0].partition, 1);
    ck_assert_int_eq(early.items[0].offset, 7);
    ck_assert_uint_eq(early.items[0].length, 5);
    ck_assert_mem_eq(early.items[0].bytes, "reply", 5);
    early_replies_clear(&early);
    ck_assert_uint_eq(early.count, 0);
}
END_TEST

START_TEST(the_others_keep_their_order)
{
    for (int64_t i = 0; i < 4; i++)
        add(i, "r");
    early_replies_remove(&early, 1);
    early_replies_remove(&early, 2);
    ck_assert_uint_eq(early.count, 2);
    ck_assert_int_eq(early.items[0].offset, 0);
    ck_assert_int_eq(early.items[1].offset, 2);
    early_replies_clear(&early);
}
END_TEST

START_TEST(the_oldest_goes_for_want_of_room)
{
    for (int64_t i = 0; i <= EARLY_REPLIES; i++)
        add(i, "");
    ck_assert_uint_eq(early.count, EARLY_REPLIES);
    ck_assert_int_eq(early.items[0].offset, 1);
    ck_assert_int_eq(early.items[EARLY_REPLIES - 1].offset, EARLY_REPLIES);
    early_replies_clear(&early);
}
END_TEST

/* Replies to other programs may have any length. */
START_TEST(the_oldest_go_for_want_of_bytes)
{
    static char text[EARLY_REPLY_BYTES + 1];
    memset(text, 'r', EARLY_REPLY_BYTES / 4);
    for (int64_t i = 0; i < 7; i++)
        add(i, text);
    ck_assert_uint_eq(early.count, 4);
    ck_assert_uint_eq(early.bytes, EARLY_REPLY_BYTES);
    ck_assert_int_eq(early.items[0].offset, 3);
    early_replies_remove(&early, 1);
    ck_assert_uint_eq(early.bytes, EARLY_REPLY_BYTES / 4 * 3);
    add(7, "short");
    ck_assert_int_eq(early.items[0].offset, 3);
    ck_assert_uint_eq(early.count, 4);
    memset(text, 'r', EARLY_REPLY_BYTES);
    add(8, text);
    ck_assert_uint_eq(early.count, 1);
    ck_assert_int_eq(early.items[0].offset, 8);
    early_replies_clear(&early);
    ck_assert_uint_eq(early.bytes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("early replies");
    TCase *tests = tcase_create("early replies");
    tcase_add_test(tests, a_copy_is_kept);
    tcase_add_test(tests, the_others_keep_their_order);
    tcase_add_test(tests, the_oldest_goes_for_want_of_room);
    tcase_add_test(tests, the_oldest_go_for_want_of_bytes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
