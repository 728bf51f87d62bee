/* The cache of definitions. Names that come from strangers cost no more than others. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/colliding_names.h"
#include "worker/definitions/definitions_cache.h"

#define ROUNDS 3

/* CPU time to look up COLLIDING_NAMES workspaces of these names in an empty cache, again and again. */
static double look_up_all(void name_write(unsigned number, char name[COLLIDING_NAME_SIZE]))
{
    struct definitions_cache *cache = definitions_cache_new(COLLIDING_NAMES, NULL);
    ck_assert_ptr_nonnull(cache);
    definitions_cache_begin(cache, 0);
    const double began = cpu_seconds();
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < COLLIDING_NAMES; i++) {
            char name[COLLIDING_NAME_SIZE];
            name_write(i, name);
            ck_assert_ptr_nonnull(definitions_cache_entry(cache, span_of_text(name)));
        }
    const double taken = cpu_seconds() - began;
    definitions_cache_free(cache);
    return taken;
}

START_TEST(names_that_collide_cost_no_more)
{
    const double usual = look_up_all(usual_name_write), colliding = look_up_all(colliding_name_write);
    ck_assert_msg(colliding < 3 * usual + 0.02, "%.1f ms, of others %.1f ms", colliding * 1000, usual * 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("definitions cache");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, names_that_collide_cost_no_more);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
