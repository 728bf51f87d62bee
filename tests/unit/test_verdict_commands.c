/* The verdict on commands: which are late, wait or are rejected, since when, and what to do. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/evaluating.h"
#include "tests/unit/status_stage.h"

START_TEST(where_the_time_goes_tells_why_replies_are_late)
{
    struct status *status = a_status();
    status->now.oldest_seconds = 90;
    status->lag_count = status->thread_count = 1;
    status->lags = calloc(1, sizeof(*status->lags));
    status->lags[0] = (struct partition_lag){4, 900, 90};
    status->minute.seconds = 60;
    static const struct {
        enum batch_stage stage;
        double seconds; /* of the minute, in transactions that are not slow */
        const char *advice;
    } cases[] = {{STAGE_COMMIT, 20, "Kafka delivers commands slowly"},
                 {STAGE_COMMIT, 40, "transactions of Kafka"},
                 {STAGE_CLAIM, 40, "goes to Redis"},
                 {STAGE_CHECK, 40, "more commands than they can take"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(status->minute.stages, 0, sizeof(status->minute.stages));
        observe(&status->minute.stages[cases[i].stage], 1000, cases[i].seconds / 1000);
        ck_findings(status, "replies_late");
        ck_assert_msg(strstr(verdict.findings[0].advice, cases[i].advice) != NULL, "%s", verdict.findings[0].advice);
        ck_assert_int_eq(verdict.findings[0].since_ms, status->now.wall_ms - 90000);
    }
    observe(&status->minute.stages[STAGE_COMMIT], 10, 2);
    ck_findings(status, "kafka_slow replies_late");
    ck_assert_ptr_nonnull(strstr(verdict.findings[1].advice, "stands above"));
    status_free(status);
}
END_TEST

/* Samples of two minutes with ten replies each, which from sample `first` on are in that bucket of reply_seconds. */
static void sample_replies(struct status *status, size_t first, size_t bucket)
{
    status->sample_count = 24;
    for (size_t i = 0; i < 24; i++) {
        struct status_sample *sample = &status->samples[i];
        *sample = (struct status_sample){.reply = i > 0 ? sample[-1].reply : (struct seconds_histogram){.sum = 0}};
        sample->wall_ms = 1000000 + 5000 * (int64_t)i;
        sample->clock_ms = 5000 * (int64_t)i;
        sample->reply.buckets[i < first ? 5 : bucket] += 10;
    }
    status->now = status->samples[23];
    status->recent = status_period_between(&status->samples[20], &status->now);
}

START_TEST(commands_that_wait_elsewhere_are_found)
{
    struct status *status = a_status();
    sample_replies(status, 10, 14); /* in (2.5, 5] */
    ck_findings(status, "commands_late");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "half of the last ones were 4 s old"));
    ck_assert_int_eq(verdict.findings[0].since_ms, status->samples[11].wall_ms);
    sample_replies(status, 10, 13); /* in (1, 2.5]: half are younger than two seconds */
    ck_findings(status, "");
    sample_replies(status, 10, SECONDS_BUCKETS - 1); /* data of yesterday */
    ck_findings(status, "");
    sample_replies(status, 20, 14); /* a moment ago partitions came from another worker */
    ck_findings(status, "");
    sample_replies(status, 10, 14);
    status->now.oldest_seconds = 3; /* they wait here */
    ck_findings(status, "");
    sample_replies(status, 10, 14);
    status->samples[11].oldest_seconds = 3; /* they waited here within the last minute: the worker catches up */
    ck_findings(status, "");
    status->samples[11].oldest_seconds = 0;
    status->samples[10].oldest_seconds = 3;
    ck_findings(status, "commands_late");
    observe(&status->minute.stages[STAGE_COMMIT], 10, 1); /* that tells why */
    ck_findings(status, "kafka_slow");
    status_free(status);
}
END_TEST

START_TEST(a_partition_that_waits_for_definitions_is_named_with_its_workspace)
{
    struct status *status = a_status();
    status->definitions_wait_ms = 30000;
    status->waiting = status->waiting_count = 1;
    status->waiting_commands[0] = (struct command_note){.key = {3, 4, "acme"}, .offset = 17, .since_ms = 7000};
    ck_findings(status, "definitions_awaited");
    ck_assert_str_eq(
        verdict.findings[0].text,
        "1 partition of commands waits for definitions: partition 3 at offset 17 (workspace acme has none).");
    ck_assert_str_eq(verdict.findings[0].advice,
                     "Put them: client-intake definitions put acme FILE --set kafka.bootstrap.servers=kafka:9092 --set "
                     "redis.address=redis:6379. The partition goes on at once. Otherwise its command is rejected as "
                     "definitions_missing when it is 30 s old (definitions.wait).");
    ck_assert_int_eq(verdict.findings[0].since_ms, 7000);
    status->config_path = "/etc/client-intake.ini";
    ck_findings(status, "definitions_awaited");
    ck_assert_ptr_nonnull(
        strstr(verdict.findings[0].advice, "definitions put acme FILE --config /etc/client-intake.ini. The"));
    status_free(status);
}
END_TEST

START_TEST(partitions_that_wait_are_all_named_or_counted)
{
    struct status *status = a_status();
    status->waiting = status->waiting_count = 2;
    status->waiting_commands[0] = (struct command_note){.key = {3, 4, "acme"}, .offset = 17, .since_ms = 7000};
    status->waiting_commands[1] =
        (struct command_note){.key = {5, 6, "globex"}, .offset = 2, .since_ms = 8000, .is_broken = true};
    ck_findings(status, "definitions_awaited");
    ck_assert_str_eq(
        verdict.findings[0].text,
        "2 partitions of commands wait for definitions: partition 3 at offset 17 (workspace acme has none), "
        "partition 5 at offset 2 (those of workspace globex are broken).");
    status->waiting = 9;
    status->waiting_count = 8;
    for (size_t i = 0; i < 8; i++) {
        struct command_note *note = &status->waiting_commands[i];
        *note = (struct command_note){
            .key = {.partition = INT32_MAX, .length = 64}, .offset = INT64_MAX, .since_ms = 1, .is_broken = true};
        memset(note->key.workspace, 'w', 64);
    }
    ck_findings(status, "definitions_awaited");
    const char *text = verdict.findings[0].text;
    ck_assert_str_eq(text + strlen(text) - strlen(" are broken), and 6 more."), " are broken), and 6 more.");
    status->waiting_count = 0; /* a thread that waits has not told yet for what */
    ck_findings(status, "definitions_awaited");
    ck_assert_str_eq(verdict.findings[0].text, "9 partitions of commands wait for definitions.");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].advice, "definitions put WORKSPACE FILE"));
    status_free(status);
}
END_TEST

START_TEST(a_producer_that_sends_garbage_is_told_with_the_last_place)
{
    struct status *status = a_status();
    status->minute.commands = 400;
    status->minute.results[OUTCOME_REJECTED] = 20;
    status->minute.rejections[ERROR_MALFORMED_JSON] = 15;
    status->minute.rejections[ERROR_TOO_LARGE] = 5;
    status->garbage = (struct command_note){.key = {.partition = 2}, .offset = 77, .since_ms = 1, .code = "too_large"};
    ck_findings(status, "garbage");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "20 of 400 commands"));
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text,
                                 "The last: too_large, partition 2, offset 77 of commands, without a workspace."));
    status->config_path = "intake.ini";
    memcpy(status->garbage.key.workspace, "acme", status->garbage.key.length = 4);
    ck_findings(status, "garbage");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "offset 77 of commands, workspace acme."));
    /* The letters of the minute before it was noticed count, too. */
    ck_assert_int_eq(verdict.findings[0].since_ms, status->now.wall_ms);
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].advice,
                                 "dead-letters list --group --since 1970-01-01T00:15:40Z --config intake.ini tells"));
    status->minute.rejections[ERROR_TOO_LARGE] = 4; /* 19 are too few */
    ck_findings(status, "");
    status_free(status);
}
END_TEST

START_TEST(the_workspace_of_most_rejections_is_named)
{
    struct status *status = a_status();
    status->minute.commands = 199;
    status->minute.results[OUTCOME_REJECTED] = status->minute.rejections[ERROR_VALIDATION_FAILED] = 100;
    status->rejected.count = 1;
    status->rejected.rows[0] = (struct workspace_row){{1, 4, "acme"}, 90, 0};
    ck_findings(status, "rejections");
    ck_assert_ptr_nonnull(
        strstr(verdict.findings[0].text, "most of them as validation_failed, and of workspace acme."));
    ck_assert_ptr_nonnull(
        strstr(verdict.findings[0].advice, "definitions history acme --set kafka.bootstrap.servers=kafka:9092. If"));
    ck_assert_int_eq(finding_level(FINDING_REJECTIONS), FINDING_NOTE);
    status_free(status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict on commands");
    TCase *commands = tcase_create("commands");
    tcase_add_test(commands, where_the_time_goes_tells_why_replies_are_late);
    tcase_add_test(commands, commands_that_wait_elsewhere_are_found);
    tcase_add_test(commands, a_partition_that_waits_for_definitions_is_named_with_its_workspace);
    tcase_add_test(commands, partitions_that_wait_are_all_named_or_counted);
    tcase_add_test(commands, a_producer_that_sends_garbage_is_told_with_the_last_place);
    tcase_add_test(commands, the_workspace_of_most_rejections_is_named);
    suite_add_tcase(suite, commands);
    return run_suite(suite);
}
