/* A machine with many cores: the threads of a replay stay within its memory. */
#include <check.h>
#include <stdlib.h>

#include "worker/replay/dry_run.h"

#define MIB(number) ((size_t)(number) << 20)

START_TEST(memory_bounds_the_threads)
{
    ck_assert_uint_eq(replay_threads(2, MIB(256)), 2);
    ck_assert_uint_eq(replay_threads(16, MIB(256)), 16);
    ck_assert_uint_eq(replay_threads(64, MIB(256)), 16);
    ck_assert_uint_eq(replay_threads(256, DRY_RUN_MEMORY_LEAST), 14);
    ck_assert_uint_eq(replay_threads(64, MIB(1024)), 64);
    ck_assert_uint_eq(replay_threads(256, MIB(1) << 20), 256);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay_threads");
    TCase *test_case = tcase_create("threads");
    tcase_add_test(test_case, memory_bounds_the_threads);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
