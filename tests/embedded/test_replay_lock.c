/* The lock of an applied replay, on a private Redis. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/fixture.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_keys.h"
#include "worker/replay/replay_lock.h"

static struct config *config;
static struct replay_lock *lock;
static char first[EPOCH_LENGTH];

static void ask_redis(const char *command, const char *value)
{
    char error[256];
    redisContext *redis = redis_connect(config, error, sizeof(error));
    ck_assert_ptr_nonnull(redis);
    redisReply *reply =
        value ? redisCommand(redis, "%s %s%s %s", command, REPLAY_LOCK_KEY_BEFORE, config->commands.topic, value)
              : redisCommand(redis, "%s %s%s", command, REPLAY_LOCK_KEY_BEFORE, config->commands.topic);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_ne(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisFree(redis);
}

static void setup(void)
{
    char error[512], address[600];
    fixture_open();
    snprintf(address, sizeof(address), "redis.address=%s", fixture.redis.address);
    config = config_read(&(struct config_sources){.settings = (const char *const[]){address, NULL}});
    ck_assert_ptr_nonnull(config);
    ck_assert(redis_epoch_random(first));
    ck_assert_int_eq(replay_lock_take(&lock, config, first, error, sizeof(error)), REPLAY_LOCK_TAKEN);
}

static void teardown(void)
{
    replay_lock_give_back(lock);
    config_free(config);
    fixture_close();
}

START_TEST(a_lock_that_is_taken_is_ours_with_its_token)
{
    char token[EPOCH_LENGTH];
    ck_assert_int_eq(replay_lock_ask(lock), REPLAY_LOCK_OURS);
    replay_lock_token(lock, token);
    ck_assert_mem_eq(token, first, EPOCH_LENGTH);
}
END_TEST

/* Another process may have had the lock, and given it back: what was claimed under the old token is void. */
START_TEST(a_lock_that_is_taken_again_has_another_token)
{
    char token[EPOCH_LENGTH];
    ask_redis("DEL", NULL);
    ck_assert_int_eq(replay_lock_ask(lock), REPLAY_LOCK_MISSING);
    ck_assert_int_eq(replay_lock_retake(lock), REPLAY_LOCK_OURS);
    replay_lock_token(lock, token);
    ck_assert_mem_ne(token, first, EPOCH_LENGTH);
    ck_assert_int_eq(replay_lock_ask(lock), REPLAY_LOCK_OURS);
}
END_TEST

START_TEST(a_lock_that_another_process_has_is_lost_for_good)
{
    ask_redis("SET", "another");
    ck_assert_int_eq(replay_lock_ask(lock), REPLAY_LOCK_LOST);
    ask_redis("DEL", NULL);
    ck_assert_int_eq(replay_lock_ask(lock), REPLAY_LOCK_LOST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replay lock");
    TCase *tests = tcase_create("lock");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_lock_that_is_taken_is_ours_with_its_token);
    tcase_add_test(tests, a_lock_that_is_taken_again_has_another_token);
    tcase_add_test(tests, a_lock_that_another_process_has_is_lost_for_good);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
