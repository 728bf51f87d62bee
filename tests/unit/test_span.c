/* Spans: the comparison and the copy of short texts, which make no call, do what memcmp and memcpy do. */
#include "tests/unit/evaluating.h"

#define LONGEST 70

/* Allocations of their own size, so that a sanitizer sees a read or write beyond them. */
START_TEST(equal_at_every_length_and_place)
{
    for (size_t length = 0; length <= LONGEST; length++) {
        char *const one = malloc(length), *const other = malloc(length);
        memset(one, 'x', length);
        memset(other, 'x', length);
        ck_assert(span_equal(span_of(one, length), span_of(other, length)));
        ck_assert(!span_equal(span_of(one, length), span_of("y", 1)) || length == 1);
        for (size_t at = 0; at < length; at++) {
            other[at] = 'y';
            ck_assert(!span_equal(span_of(one, length), span_of(other, length)));
            ck_assert(!span_equal(span_of(one, length), span_of(other, length - 1)));
            other[at] = 'x';
        }
        free(one);
        free(other);
    }
    ck_assert(span_equal(SPAN_NONE, SPAN("")));
}
END_TEST

START_TEST(copies_at_every_length)
{
    for (size_t length = 0; length <= LONGEST; length++) {
        char *const from = malloc(length), *const to = malloc(length);
        for (size_t i = 0; i < length; i++)
            from[i] = (char)(i + 1);
        memset(to, 0, length);
        ck_assert_ptr_eq(span_copy(to, span_of(from, length)), to + length);
        ck_assert(length == 0 || memcmp(to, from, length) == 0);
        free(from);
        free(to);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("span");
    TCase *tests = tcase_create("span");
    tcase_add_test(tests, equal_at_every_length_and_place);
    tcase_add_test(tests, copies_at_every_length);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
