/* What INFO tells of a Redis. */
#include <check.h>
#include <stdlib.h>

#include "worker/redis/redis_info.h"

static const struct {
    const char *info;
    enum redis_eviction eviction;
} rows[] = {
    {"# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", EVICTION_NONE},
    {"# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n", EVICTION_NONE},
    {"# Memory\r\nmaxmemory:100\r\n", EVICTION_NONE},
    {"# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:volatile-lru\r\n", EVICTION_EXPIRING},
    {"# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:volatile-ttl\r\n", EVICTION_EXPIRING},
    {"# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-random\r\n", EVICTION_ANY},
    {"# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:a-later-one\r\n", EVICTION_ANY},
    {"", EVICTION_NONE},
};

START_TEST(what_is_dropped_follows_from_policy_and_limit)
{
    char policy[REDIS_INFO_BYTES], most[REDIS_INFO_BYTES];
    ck_assert_int_eq(redis_info_eviction(rows[_i].info, policy, most), rows[_i].eviction);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis_info");
    TCase *tcase = tcase_create("eviction");
    tcase_add_loop_test(tcase, what_is_dropped_follows_from_policy_and_limit, 0, sizeof(rows) / sizeof(rows[0]));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
