/* The values that the definitions topic had, and their bound. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/definitions/sync_values.h"

static void note(struct sync_values *values, int count)
{
    char text[32];
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "value %d", i);
        ck_assert(sync_values_note(values, SPAN("acme"), span_of_text(text)));
    }
    sync_values_sort(values);
}

START_TEST(values_belong_to_their_workspaces)
{
    struct sync_values values = {.most = 5000};
    note(&values, 5000);
    ck_assert(!values.overflowed);
    ck_assert(sync_values_have(&values, SPAN("acme"), SPAN("value 0")));
    ck_assert(sync_values_have(&values, SPAN("acme"), SPAN("value 4999")));
    ck_assert(!sync_values_have(&values, SPAN("acme"), SPAN("value 5000")));
    ck_assert(!sync_values_have(&values, SPAN("other"), SPAN("value 0")));
    sync_values_free(&values);
}
END_TEST

START_TEST(beyond_the_bound_none_is_kept)
{
    struct sync_values values = {.most = 5000};
    note(&values, 5001);
    ck_assert(values.overflowed);
    ck_assert_ptr_null(values.hashes);
    note(&values, 3);
    ck_assert_uint_eq(values.count, 0);
    ck_assert(!sync_values_have(&values, SPAN("acme"), SPAN("value 0")));
    sync_values_free(&values);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync_values");
    TCase *values = tcase_create("values");
    tcase_add_test(values, values_belong_to_their_workspaces);
    tcase_add_test(values, beyond_the_bound_none_is_kept);
    suite_add_tcase(suite, values);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
