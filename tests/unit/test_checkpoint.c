/* Checkpoints: their text, and what follows from one that survived. */
#include <stdlib.h>

#include "tests/lib/quick_check.h"
#include "worker/index/checkpoint.h"

static struct checkpoint parsed;
static struct offsets ends;

static bool parse(const char *text)
{
    offsets_free(&ends);
    ends = (struct offsets){0};
    return checkpoint_parse(span_of_text(text), &parsed, &ends);
}

START_TEST(text_is_read_as_it_was_written)
{
    static const struct {
        struct checkpoint checkpoint;
        const char *head;
    } texts[] = {
        {{7, 9, OFFSET_NONE, OFFSET_NONE}, "7,9 "},
        {{0, 0, 5, OFFSET_NONE}, "0,0,5 "},
        {{7, 7, 5, 1795000000000}, "7,7,5,1795000000000 "},
        {{INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
         "9223372036854775807,9223372036854775807,9223372036854775807,9223372036854775807 "},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char head[CHECKPOINT_HEAD_BYTES], whole[2 * CHECKPOINT_HEAD_BYTES];
        const struct span text = checkpoint_write_head(&texts[i].checkpoint, head);
        ck_assert(span_equal(text, span_of_text(texts[i].head)));
        snprintf(whole, sizeof(whole), "%s3,-,4", texts[i].head);
        ck_assert(parse(whole));
        ck_assert_mem_eq(&parsed, &texts[i].checkpoint, sizeof(parsed));
        ck_assert_int_eq(ends.count, 3);
        ck_assert_int_eq(offsets_get(&ends, 0), 3);
        ck_assert_int_eq(offsets_get(&ends, 1), OFFSET_NONE);
        parsed = checkpoint_head(span_of_text(whole));
        ck_assert_mem_eq(&parsed, &texts[i].checkpoint, sizeof(parsed));
    }
    /* A time without a nonce is not written: earlier versions would not read it. */
    char head[CHECKPOINT_HEAD_BYTES];
    ck_assert(span_equal(checkpoint_write_head(&(struct checkpoint){1, 2, OFFSET_NONE, 3}, head), SPAN("1,2 ")));
}
END_TEST

START_TEST(other_texts_are_no_checkpoint)
{
    static const char *const others[] = {"",        "7",       "7,9",       "7 3",       "9,7 3",       "-,7 3",
                                         "7,9,0 3", "7,9,- 3", "7,9,5,- 3", "7,9,5,0 3", "7,9,5,6,8 3", "a,b 3",
                                         "7,9 a",   " 3"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!parse(others[i]), "%s", others[i]);
    const struct checkpoint none = CHECKPOINT_NONE;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        parsed = checkpoint_head(span_of_text(others[i]));
        /* The head alone does not tell that what stands behind it is wrong. */
        ck_assert(memcmp(&parsed, &none, sizeof(none)) == 0 || strcmp(others[i], "7,9 a") == 0);
    }
}
END_TEST

#define NONE OFFSET_NONE

static const struct {
    const char *what;
    struct checkpoint checkpoint;
    struct group_progress group;
    struct checkpoint_finding finding; /* is_behind, is_ahead, offset_is_gone, offset_is_set */
} findings[] = {
    {"of the commit", {7, 7, 5, 1}, {7, 5, false, NONE}, {false, false, false, false}},
    {"of the commit, of a group without nonces", {7, 7, NONE, NONE}, {7, NONE, false, NONE}, {0}},
    {"behind", {6, 6, 4, 1}, {7, 5, false, NONE}, {.is_behind = true}},
    {"of another commit at that offset", {7, 7, 4, 1}, {7, 5, false, NONE}, {.is_behind = true}},
    {"set by a tool at that offset", {7, 7, 4, 1}, {7, NONE, false, NONE}, {.is_behind = true}},
    {"set forward by a tool", {6, 6, 4, 1}, {7, NONE, false, NONE}, {.is_behind = true, .offset_is_set = true}},
    {"none, and nothing committed", CHECKPOINT_NONE, {NONE, NONE, false, NONE}, {0}},
    {"none, and an offset at the beginning", CHECKPOINT_NONE, {0, NONE, false, NONE}, {0}},
    {"none, and a commit", CHECKPOINT_NONE, {7, 5, false, NONE}, {.is_behind = true}},
    {"a higher one long ago", {3, 9, 5, 1}, {3, 5, false, NONE}, {0}},
    {"ahead", {8, 8, 6, 1}, {7, 5, false, NONE}, {.is_behind = true, .is_ahead = true}},
    {"ahead of nothing", {8, 8, 6, 1}, {NONE, NONE, false, NONE}, {true, true, true, false}},
    {"ahead before, and still", {8, 8, 6, 1}, {7, 5, true, 8}, {.is_behind = true, .is_ahead = true}},
    {"ahead before, and the commit came", {8, 8, 6, 1}, {8, 6, true, 8}, {0}},
    {"written between the two answers", {9, 9, 7, 1}, {8, 6, true, NONE}, {0}},
    {"ahead before, and then written again", {9, 9, 7, 1}, {8, 6, true, 8}, {0}},
    {"nothing to be ahead with", {0, 0, NONE, NONE}, {NONE, NONE, false, NONE}, {0}},
};

START_TEST(what_follows_from_a_checkpoint)
{
    const struct checkpoint_finding should = findings[_i].finding,
                                    is = checkpoint_compare(&findings[_i].checkpoint, &findings[_i].group);
    ck_assert_msg(is.is_behind == should.is_behind && is.is_ahead == should.is_ahead &&
                      is.offset_is_gone == should.offset_is_gone && is.offset_is_set == should.offset_is_set,
                  "%s: %d %d %d %d", findings[_i].what, is.is_behind, is.is_ahead, is.offset_is_gone, is.offset_is_set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *all = tcase_create("all");
    tcase_add_test(all, text_is_read_as_it_was_written);
    tcase_add_test(all, other_texts_are_no_checkpoint);
    tcase_add_loop_test(all, what_follows_from_a_checkpoint, 0, (int)(sizeof(findings) / sizeof(findings[0])));
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
