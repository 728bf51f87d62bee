/* What `replay --apply` refuses before it asks Kafka for anything. */
#include <check.h>
#include <string.h>

#include "worker/replay/replay_apply.h"

static char error[1024];

/* The result with replies to `topic`. There is no Kafka, so what is not refused is unavailable. */
static enum replay_apply_result apply(const char *topic, const char *allowed)
{
    const char *settings[] = {"kafka.bootstrap.servers=127.0.0.1:1", "log.level=error", allowed, NULL};
    struct config *config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    const struct replay_apply_request request = {
        .name = "again", .replies = topic, .threads = 1, .memory_bytes = 256 << 20, .wait_ms = 1};
    error[0] = '\0';
    const enum replay_apply_result result = replay_apply(config, &request, error, sizeof(error));
    config_free(config);
    return result;
}

static void refused(const char *topic, const char *allowed, const char *reason)
{
    ck_assert_int_eq(apply(topic, allowed), REPLAY_MISUSED);
    ck_assert_msg(strstr(error, topic) && strstr(error, reason), "%s", error);
}

START_TEST(a_topic_with_another_role_gets_no_replies)
{
    refused("clients.commands", NULL, "has another use");
    refused("clients.dead-letters", NULL, "has another use");
    refused("__consumer_offsets", NULL, "has another use");
}
END_TEST

START_TEST(a_topic_of_the_daemons_replies_gets_no_second_ones)
{
    refused("clients.replies", NULL, "replies.topic");
    refused("clients.elsewhere", "replies.allowed=clients.elsewhere", "replies.allowed");
    refused("clients.elsewhere", "replies.allowed=other,*.elsewhere", "replies.allowed");
}
END_TEST

START_TEST(another_topic_is_not_refused)
{
    ck_assert_int_eq(apply("clients.again", "replies.allowed=*.elsewhere"), REPLAY_UNAVAILABLE);
    ck_assert_int_eq(apply("clients.again", NULL), REPLAY_UNAVAILABLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("the request of a replay");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, a_topic_with_another_role_gets_no_replies);
    tcase_add_test(tests, a_topic_of_the_daemons_replies_gets_no_second_ones);
    tcase_add_test(tests, another_topic_is_not_refused);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
