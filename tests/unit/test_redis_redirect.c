/* What a node of a cluster says instead of executing a command. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "worker/redis/redis_redirect.h"

static const struct {
    const char *text;
    enum redis_redirect redirect;
} errors[] = {
    {"MOVED 3999 127.0.0.1:6381", REDIRECT_MOVED},
    {"MOVED 3999 :6381", REDIRECT_MOVED},
    {"MOVED", REDIRECT_MOVED},
    {"ASK 3999 redis-2.example:6381", REDIRECT_ASK},
    {"TRYAGAIN Multiple keys request during rehashing of slot", REDIRECT_TRYAGAIN},
    {"CLUSTERDOWN Hash slot not served", REDIRECT_SLOT_DOWN},
    {"CLUSTERDOWN The cluster is down", REDIRECT_DOWN},
    {"CLUSTERDOWN The cluster is down and only accepts read commands", REDIRECT_DOWN},
    {"READONLY You can't write against a read only replica.", REDIRECT_READONLY},
    {"LOADING Redis is loading the dataset in memory", REDIRECT_LOADING},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", REDIRECT_MASTER_DOWN},
    {"CROSSSLOT Keys in request don't hash to the same slot", REDIRECT_NONE}, /* a mistake of ours */
    {"EXECABORT Transaction discarded because of previous errors.", REDIRECT_NONE},
    {"NOREPLICAS Not enough good replicas to write.", REDIRECT_NONE},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", REDIRECT_NONE},
    {"ASKING", REDIRECT_NONE},
    {"MOVED3999", REDIRECT_NONE},
    {"ERR MOVED", REDIRECT_NONE},
    {"", REDIRECT_NONE},
};

START_TEST(redirect_is_told_by_its_first_words)
{
    redisReply reply = {.type = REDIS_REPLY_ERROR, .str = (char *)errors[_i].text, .len = strlen(errors[_i].text)};
    ck_assert_int_eq(redis_redirect_of(&reply), errors[_i].redirect);
    const char *name = redis_redirect_name(errors[_i].redirect);
    ck_assert(errors[_i].redirect == REDIRECT_NONE || strncmp(reply.str, name, strlen(name)) == 0);
    reply.type = REDIS_REPLY_STRING;
    ck_assert_int_eq(redis_redirect_of(&reply), REDIRECT_NONE);
    reply.type = REDIS_REPLY_STATUS;
    ck_assert_int_eq(redis_redirect_of(&reply), REDIRECT_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis_redirect");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, redirect_is_told_by_its_first_words, 0, (int)(sizeof(errors) / sizeof(errors[0])));
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
