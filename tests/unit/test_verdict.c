/* The verdict: what is wrong with Redis, Kafka and the worker is told in words, the most urgent first. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/evaluating.h"
#include "tests/unit/status_stage.h"

START_TEST(nothing_is_found_where_all_is_well)
{
    struct status *status = a_status();
    ck_findings(status, "");
    status->minute.commands = 100000;
    status->minute.results[OUTCOME_REJECTED] = 50000; /* not more than a half */
    status->minute.rejections[ERROR_MALFORMED_JSON] = 4999;
    status->garbage.since_ms = 1;
    status->garbage.code = "malformed_json";
    status->now.oldest_seconds = 59;
    observe(&status->minute.stages[STAGE_COMMIT], 10, 0.49);
    observe(&status->minute.stages[STAGE_CLAIM], 10, 0.24);
    complain(&status->redis, "Redis is away: OOM", 6000); /* it is over */
    complain(&status->kafka, "consumer failing", 6000);
    ck_findings(status, "");
    status_free(status);
}
END_TEST

START_TEST(a_full_redis_is_told_from_one_that_is_away)
{
    struct status *status = a_status();
    status->redis_up = status->ready = false;
    complain(&status->redis, "Redis is away; commands wait: OOM command not allowed when used memory > 'maxmemory'.",
             0);
    ck_findings(status, "redis_full");
    ck_assert_int_eq(verdict.findings[0].since_ms, 5000);
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].advice, "maxmemory"));
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "Redis (redis:6379) is full"));
    complain(&status->redis, "Redis is away; commands wait: Connection refused", 0);
    ck_findings(status, "redis_away");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "Connection refused"));
    complain(&status->redis, "Redis is away; commands wait: OOM", 6000); /* an old one says nothing about now */
    ck_findings(status, "redis_away");
    ck_assert_ptr_null(strstr(verdict.findings[0].text, "OOM"));
    static const char *const remedies[][2] = {
        {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "disk"},
        {"WRONGPASS invalid username-password pair or user is disabled.", "redis.password"},
        {"NOPERM User x has no permissions to run the 'set' command", "right"},
        {"LOADING Redis is loading the dataset in memory", "Wait"},
        {"READONLY You can't write against a read only replica.", "master"},
        {"NOREPLICAS Not enough good replicas to write.", "replicas"},
        {"Connection refused", "Start Redis"}};
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
        complain(&status->redis, "Redis is away; commands wait: ", 0);
        strcat(status->redis.text, remedies[i][0]);
        ck_findings(status, "redis_away");
        ck_assert_msg(strstr(verdict.findings[0].advice, remedies[i][1]) != NULL, "%s", verdict.findings[0].advice);
    }
    status_free(status);
}
END_TEST

START_TEST(a_kafka_that_is_away_is_told_from_a_slow_one)
{
    struct status *status = a_status();
    status->kafka_up = status->ready = false;
    complain(&status->kafka, "no broker can be reached: Connection refused", 0);
    ck_findings(status, "kafka_away");
    observe(&status->minute.stages[STAGE_COMMIT], 10, 2.5);
    ck_findings(status, "kafka_slow");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "2.5 s"));
    status->kafka_up = status->ready = true;
    ck_findings(status, "kafka_slow");
    status_free(status);
    status = a_status();
    status->kafka_up = status->redis_up = status->ready = false; /* without Redis Kafka is not asked */
    ck_findings(status, "redis_away");
    status_free(status);
}
END_TEST

/* Samples of ten minutes and of `seconds` before now, each with transactions that take so long. */
static void sample_commits(struct status *status, size_t first, size_t slow, double seconds)
{
    status->sample_count = HISTORY_SAMPLES;
    for (size_t i = 0; i < HISTORY_SAMPLES; i++) {
        struct status_sample *sample = &status->samples[i];
        if (i > 0)
            *sample = sample[-1];
        sample->clock_ms = 5000 * (int64_t)i;
        sample->wall_ms = 100000000 + sample->clock_ms;
        observe(&sample->stages[STAGE_COMMIT], 100, i >= first && i < slow ? seconds : 0.01);
    }
    status->now = status->samples[HISTORY_SAMPLES - 1];
    status->recent =
        status_period_between(&status->samples[HISTORY_SAMPLES - 4], &status->samples[HISTORY_SAMPLES - 1]);
    status->minute =
        status_period_between(&status->samples[HISTORY_SAMPLES - 14], &status->samples[HISTORY_SAMPLES - 1]);
}

START_TEST(since_when_kafka_is_slow_is_told_from_the_samples)
{
    struct status *status = a_status();
    sample_commits(status, 80, HISTORY_SAMPLES, 2);
    ck_findings(status, "kafka_slow");
    ck_assert_str_eq(verdict.findings[0].text,
                     "Kafka (kafka:9092) is slow: a transaction takes 2.0 s on average, over the last 15 s.");
    ck_assert_int_eq(verdict.findings[0].since_ms, status->samples[80].wall_ms);
    ck_assert(!verdict.findings[0].or_earlier);
    sample_commits(status, 0, HISTORY_SAMPLES, 2); /* since before the first sample */
    ck_findings(status, "kafka_slow");
    ck_assert_int_eq(verdict.findings[0].since_ms, status->samples[13].wall_ms);
    ck_assert(verdict.findings[0].or_earlier);
    sample_commits(status, 80, 110, 2); /* it was so in the last minute, and is not now */
    ck_findings(status, "");
    sample_commits(status, HISTORY_SAMPLES, 0, 2); /* since a moment */
    observe(&status->recent.stages[STAGE_COMMIT], 1000, 3);
    ck_findings(status, "kafka_slow");
    ck_assert_int_eq(verdict.findings[0].since_ms, status->now.wall_ms);
    status_free(status);
}
END_TEST

START_TEST(redis_in_the_commit_stage_is_not_kafka)
{
    struct status *status = a_status();
    observe(&status->minute.stages[STAGE_COMMIT], 10, 0.7);
    status->minute.commit_redis_seconds = 4;
    ck_findings(status, "redis_slow");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "Redis (redis:6379) is slow: a batch waits 0.4 s"));
    status->minute.commit_redis_seconds = 1.5;
    ck_findings(status, "kafka_slow");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "0.6 s on average")); /* 0.55 */
    status_free(status);
}
END_TEST

START_TEST(lost_spans_are_a_note)
{
    struct status *status = a_status();
    status->minute.spans[SPAN_SENT] = 100;
    status->minute.spans[SPAN_UNSENT] = 1;
    ck_findings(status, "");
    status->minute.spans[SPAN_QUEUE_FULL] = 7;
    ck_findings(status, "spans_lost");
    ck_assert_ptr_nonnull(strstr(verdict.findings[0].text, "no room for 7; it took 100."));
    ck_assert_int_eq(finding_level(FINDING_SPANS_LOST), FINDING_NOTE);
    status_free(status);
}
END_TEST

START_TEST(a_worker_that_gets_ready_says_what_it_waits_for)
{
    struct status *status = a_status();
    status->ready = false;
    snprintf(status->ready_reason, sizeof(status->ready_reason), "Redis has not been audited yet");
    ck_findings(status, "starting");
    ck_assert_str_eq(verdict.findings[0].text, "The worker gets ready: Redis has not been audited yet.");
    status->started_ms = status->now.wall_ms - 29000;
    status->kafka_up = status->redis_up = false;
    ck_findings(status, "starting");
    status->redis_up = true;
    ck_findings(status, "starting");
    status->started_ms = status->now.wall_ms - 30000; /* that is too long */
    ck_findings(status, "kafka_away");
    status->redis_up = false;
    ck_findings(status, "redis_away");
    status->started_ms = status->now.wall_ms;
    complain(&status->redis, "Redis is away; commands wait: Connection refused", 0);
    ck_findings(status, "redis_away");
    complain(&status->kafka, "no broker can be reached: Connection refused", 0);
    ck_findings(status, "redis_away kafka_away");
    status_free(status);
}
END_TEST

START_TEST(causes_come_before_their_effects)
{
    struct status *status = a_status();
    status->noisy_count = 1;
    status->noisy[0] = (struct noisy_workspace){.key = {4, 4, "loud"}, .percent = 83, .since_ms = 9000};
    status->now.oldest_seconds = 75;
    status->lag_count = 2;
    status->lags = calloc(2, sizeof(*status->lags));
    status->lags[0] = (struct partition_lag){1, 5, 3};
    status->lags[1] = (struct partition_lag){4, 900, 75};
    observe(&status->minute.stages[STAGE_DEFINITIONS], 10, 0.3);
    observe(&status->minute.stages[STAGE_COMMIT], 10, 0.1);
    ck_findings(status, "redis_slow noisy_workspace replies_late");
    ck_assert_ptr_nonnull(strstr(verdict.findings[1].text, "Workspace loud takes 83 % of partition 4 of commands"));
    ck_assert_ptr_nonnull(strstr(verdict.findings[2].text, "75 s, in partition 4"));
    status->live = status->ready = false;
    snprintf(status->live_reason, sizeof(status->live_reason), "no heartbeat of thread 0 for 75 s");
    status->rebuilding = 1;
    ck_findings(status, "thread_hangs rebuilding redis_slow noisy_workspace replies_late");
    status->draining = true;
    ck_findings(status, "draining");
    status_free(status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *servers = tcase_create("servers");
    tcase_add_test(servers, nothing_is_found_where_all_is_well);
    tcase_add_test(servers, a_full_redis_is_told_from_one_that_is_away);
    tcase_add_test(servers, a_kafka_that_is_away_is_told_from_a_slow_one);
    tcase_add_test(servers, since_when_kafka_is_slow_is_told_from_the_samples);
    tcase_add_test(servers, redis_in_the_commit_stage_is_not_kafka);
    tcase_add_test(servers, lost_spans_are_a_note);
    tcase_add_test(servers, a_worker_that_gets_ready_says_what_it_waits_for);
    tcase_add_test(servers, causes_come_before_their_effects);
    suite_add_tcase(suite, servers);
    return run_suite(suite);
}
