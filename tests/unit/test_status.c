/* The status: what is wrong is told in words, the most urgent first; /status.json has its members, and no text of a
 * stranger leaves its place; the ring of the last ten minutes; quantiles as Prometheus computes them. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/http/status_json.h"
#include "worker/http/status_page.h"
#include "worker/metrics/batch_metrics.h"

static struct metrics *threads[2];
static struct kafka_setting servers = {(char[]){"bootstrap.servers"}, (char[]){"kafka:9092"}, NULL};
static struct config config = {.redis.timeout_ms = 1000, .commands.topic = (char[]){"commands"}, .kafka = &servers};

static void open_threads(void)
{
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(threads[i] = metrics_new());
        metrics_set(threads[i], METRIC_KAFKA_UP, 0, 1);
        metrics_set(threads[i], METRIC_REDIS_UP, 0, 1);
        metrics_set(threads[i], METRIC_INDEX_AUDITED, 0, 1);
    }
}

static void close_threads(void)
{
    for (size_t i = 0; i < 2; i++)
        metrics_free(threads[i]);
}

/* ---- the numbers of all threads ---- */

START_TEST(totals_are_those_of_all_threads)
{
    metrics_add(threads[0], METRIC_COMMANDS, OUTCOME_CREATED, 3);
    metrics_add(threads[1], METRIC_COMMANDS, OUTCOME_CREATED, 4);
    ck_assert_uint_eq(metrics_total(threads, 2, METRIC_COMMANDS, OUTCOME_CREATED), 7);
    metrics_set(threads[1], METRIC_REDIS_UP, 0, 0);
    ck_assert_uint_eq(metrics_total(threads, 2, METRIC_REDIS_UP, 0), 0);
    metrics_show_lags(threads[0], "commands", (struct partition_lag[]){{2, 5, 1.5}, {1, 7, 0}}, 2);
    metrics_show_lags(threads[1], "commands", (struct partition_lag[]){{2, 5, 1.5}, {0, 1, 0}}, 2);
    struct partition_lag *lags;
    ck_assert_uint_eq(metrics_lags(threads, 2, &lags), 3);
    for (int32_t i = 0; i < 3; i++)
        ck_assert_int_eq(lags[i].partition, i);
    ck_assert_int_eq(lags[2].lag, 5);
    free(lags);
}
END_TEST

START_TEST(quantiles_are_those_of_prometheus)
{
    struct seconds_histogram histogram = metrics_seconds(threads, 2, METRIC_REPLY_SECONDS, 0);
    ck_assert_double_eq(seconds_quantile(&histogram, 0.99), -1);
    for (int i = 0; i < 90; i++)
        metrics_observe(threads[i % 2], METRIC_REPLY_SECONDS, 0, 0.04); /* in (0.025, 0.05] */
    for (int i = 0; i < 10; i++)
        metrics_observe(threads[i % 2], METRIC_REPLY_SECONDS, 0, 0.2); /* in (0.1, 0.25] */
    histogram = metrics_seconds(threads, 2, METRIC_REPLY_SECONDS, 0);
    ck_assert_uint_eq(seconds_count(&histogram), 100);
    ck_assert_double_eq_tol(histogram.sum, 90 * 0.04 + 10 * 0.2, 1e-9);
    ck_assert_double_eq_tol(seconds_quantile(&histogram, 0.5), 0.025 + 0.025 * 50 / 90, 1e-9);
    ck_assert_double_eq_tol(seconds_quantile(&histogram, 0.99), 0.1 + 0.15 * 9 / 10, 1e-9);
    struct seconds_histogram before = histogram;
    metrics_observe(threads[0], METRIC_REPLY_SECONDS, 0, 1000);
    histogram = metrics_seconds(threads, 2, METRIC_REPLY_SECONDS, 0);
    histogram = seconds_between(&before, &histogram);
    ck_assert_uint_eq(seconds_count(&histogram), 1);
    ck_assert_double_eq(seconds_quantile(&histogram, 0.5), 60); /* the last bound */
}
END_TEST

/* ---- what is wrong ---- */

static struct verdict verdict;

static struct status *a_status(void)
{
    struct status *status = calloc(1, sizeof(*status));
    status->topic = "commands";
    status->kafka_address = "kafka:9092";
    status->redis_address = "redis:6379";
    status->live = status->ready = status->kafka_up = status->redis_up = true;
    status->now.wall_ms = 1000000;
    status->threads = calloc(1, sizeof(*status->threads));
    return status;
}

static void end(struct status *status)
{
    status_free(status);
}

static void ck_findings(const struct status *status, const char *expected)
{
    char names[256] = "";
    verdict_find(&verdict, status);
    for (size_t i = 0; i < verdict.count; i++) {
        strcat(names, i > 0 ? " " : "");
        strcat(names, finding_name(verdict.findings[i].kind));
        ck_assert_uint_gt(strlen(verdict.findings[i].text), 20);
        ck_assert_uint_gt(strlen(verdict.findings[i].advice), 15);
    }
    ck_assert_str_eq(names, expected);
}

static void observe(struct seconds_histogram *histogram, unsigned count, double seconds)
{
    histogram->buckets[10] += count;
    histogram->sum += count * seconds;
}

static void complain(struct complaint_view *complaint, const char *text, int64_t ended_ms)
{
    complaint->began_ms = 5000;
    complaint->ended_ms = ended_ms;
    snprintf(complaint->text, sizeof(complaint->text), "%s", text);
}

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
    end(status);
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
    end(status);
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
    end(status);
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
    end(status);
}
END_TEST

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
    end(status);
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
    end(status);
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
    end(status);
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
    end(status);
    status = a_status();
    status->kafka_up = status->redis_up = status->ready = false; /* without Redis Kafka is not asked */
    ck_findings(status, "redis_away");
    end(status);
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
    end(status);
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
    end(status);
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
    end(status);
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
    end(status);
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
    end(status);
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
    end(status);
}
END_TEST

/* ---- /status.json ---- */

/* The text, which the caller frees. */
static char *written(const struct status *status)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    verdict_find(&verdict, status);
    ck_assert(status_json_write(out, status, &verdict));
    fclose(out);
    return text;
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s in %s", error.text, text);
    return json;
}

/* The value at "a.b.0.c". */
static json_t *member(json_t *json, const char *path)
{
    char copy[128], *rest = copy;
    snprintf(copy, sizeof(copy), "%s", path);
    for (char *name; (name = strsep(&rest, ".")) != NULL;) {
        json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10)) : json_object_get(json, name);
        ck_assert_msg(json != NULL, "there is no %s of %s", name, path);
    }
    return json;
}

START_TEST(texts_of_strangers_stay_texts)
{
    static const char hostile[] = "</script><script>alert(1)</script>&\"\\\xe2\x80\xae\xe2\x80\x8b\x01\xff";
    struct status *status = a_status();
    complain(&status->redis, hostile, 0);
    status->redis_up = false;
    status->busiest.total = status->busiest.count = 1;
    status->busiest.rows[0] = (struct workspace_row){{1, 25, "<script>alert(1)</script>"}, 1, 0};
    char *text = written(status);
    for (const char *at = text; *at; at++)
        ck_assert_msg(*at == '\n' ? at[1] == '\0' : *at >= 0x20 && *at < 0x7f && !strchr("<>&", *at), "%s", at);
    json_t *json = parsed(text);
    ck_assert_str_eq(json_string_value(member(json, "busiestWorkspaces.0.workspace")), "<script>alert(1)</script>");
    /* It is not UTF-8, so that its bytes beyond ASCII become '?'. */
    ck_assert_str_eq(json_string_value(member(json, "redis.complaint.text")),
                     "</script><script>alert(1)</script>&\"\\??????\x01?");
    json_decref(json);
    free(text);
    complain(&status->redis, "\xe2\x80\xae\xe2\x80\x8b", 0);
    text = written(status);
    ck_assert_ptr_nonnull(strstr(text, "\"\\u202E\\u200B\""));
    free(text);
    end(status);
}
END_TEST

START_TEST(all_threads_come_out_in_one_object)
{
    struct item items[] = {{.outcome = OUTCOME_CREATED, .workspace = SPAN("acme"), .from = {"commands", 1, 5, 0}},
                           {.outcome = OUTCOME_REJECTED, .error = ERROR_MALFORMED_JSON, .from = {"commands", 1, 6, 0}}};
    const struct batch batch = {.items = items, .count = 2};
    struct status_history *history = status_history_start(threads, 2);
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < 2; i++) {
        batch_metrics_count(threads[i], &batch, now_ms);
        thread_board_count(metrics_board(threads[i]), &batch, clock_now_ms(), now_ms);
    }
    thread_board_enter(metrics_board(threads[1]), WORKER_IN_DOUBT);
    complaint_begin(&metrics_board(threads[1])->kafka, "consumer failing", SPAN("why"));
    metrics_show_lags(threads[0], "commands", (struct partition_lag[]){{0, 5, 1.5}, {1, 7, 3}}, 2);
    metrics_set(threads[1], METRIC_DEFINITIONS_CACHE, CACHE_HIT, 9);
    for (size_t i = 0; i < 2; i++)
        thread_board_add_commit_redis(metrics_board(threads[i]), 0.25);
    struct status *status = status_read(threads, 2, &config, history, now_ms - 1000);
    ck_assert_double_eq_tol(status->minute.commit_redis_seconds, 0.5, 1e-5);
    char *text = written(status);
    json_t *json = parsed(text);
    static const struct {
        const char *path;
        int value;
    } numbers[] = {{"totals.created", 2},
                   {"totals.rejected", 2},
                   {"totals.duplicate", 0},
                   {"rejections.0.total", 2},
                   {"rejections.0.lastMinute", 2},
                   {"lag.commands", 12},
                   {"lag.oldestSeconds", 3},
                   {"lag.partitionCount", 2},
                   {"lag.partitions.0.partition", 1},
                   {"lag.partitions.1.oldestSeconds", 1},
                   {"threads.1.thread", 1},
                   {"threads.1.waitingPartitions", 0},
                   {"definitions.hit", 9},
                   {"definitions.hitShare", 1},
                   {"deadLetter.partition", 1},
                   {"deadLetter.offset", 6},
                   {"busiestWorkspaces.0.commands", 2},
                   {"busiestWorkspaces.1.commands", 2},
                   {"mostRejectedWorkspaces.0.commands", 2},
                   {"history.everySeconds", 5}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        ck_assert_msg((int)json_number_value(member(json, numbers[i].path)) == numbers[i].value, "%s in %s",
                      numbers[i].path, text);
    static const struct {
        const char *path, *value;
    } texts[] = {{"version", CLIENT_INTAKE_VERSION},
                 {"topic", "commands"},
                 {"rejections.0.code", "malformed_json"},
                 {"deadLetter.code", "malformed_json"},
                 {"threads.0.state", "WORKER_OPENING"},
                 {"threads.1.state", "WORKER_IN_DOUBT"},
                 {"busiestWorkspaces.1.workspace", "acme"},
                 {"kafka.complaint.text", "consumer failing: why"},
                 {"kafka.address", "kafka:9092"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_str_eq(json_string_value(member(json, texts[i].path)), texts[i].value);
    static const char *const nulls[] = {"redis.complaint",
                                        "kafka.complaint.until",
                                        "now.replyP99Seconds",
                                        "mostRejectedWorkspaces.0.workspace",
                                        "definitions.waitingCommand",
                                        "redis.address"};
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        ck_assert_msg(json_is_null(member(json, nulls[i])), "%s in %s", nulls[i], text);
    ck_assert(json_is_true(member(json, "kafka.up")) && json_is_true(member(json, "ready")));
    static const char *const series[] = {"commandsPerSecond",  "rejectedPerSecond", "replyP50Seconds",
                                         "replyP99Seconds",    "lagCommands",       "lagSeconds",
                                         "stageSeconds.commit"};
    for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "history.%s", series[i]);
        ck_assert_uint_eq(json_array_size(member(json, path)), status->sample_count - 1);
    }
    json_decref(json);
    free(text);
    status_free(status);
    status_history_end(history);
}
END_TEST

START_TEST(the_commands_that_have_waited_longest_come_first)
{
    struct status_history *history = status_history_start(threads, 2);
    for (int32_t i = 0; i < 12; i++) {
        struct item item = {.outcome = OUTCOME_REJECTED,
                            .error = ERROR_DEFINITIONS_MISSING,
                            .workspace = SPAN("acme"),
                            .definitions_broken = i == 11,
                            .from = {"commands", i, 100 + i, 0}};
        thread_board_note_waiting(metrics_board(threads[i % 2]), &item, clock_now_ms(), 1000 - i);
    }
    metrics_set(threads[0], METRIC_DEFINITIONS_WAITING, 0, 6);
    struct status *status = status_read(threads, 2, &config, history, 1);
    ck_assert_uint_eq(status->waiting_count, 6); /* the other thread does not wait any more */
    status_free(status);
    metrics_set(threads[1], METRIC_DEFINITIONS_WAITING, 0, 6);
    status = status_read(threads, 2, &config, history, 1);
    ck_assert_uint_eq(status->waiting_count, STATUS_WAITING);
    for (int i = 0; i < STATUS_WAITING; i++)
        ck_assert_int_eq(status->waiting_commands[i].key.partition, 11 - i);
    char *text = written(status);
    json_t *json = parsed(text);
    ck_assert_int_eq(json_integer_value(member(json, "definitions.waitingCommand.offset")), 111);
    ck_assert_int_eq(json_integer_value(member(json, "definitions.waitingCommands.1.offset")), 110);
    ck_assert(json_is_true(member(json, "definitions.waitingCommands.0.broken")));
    ck_assert(json_is_false(member(json, "definitions.waitingCommands.1.broken")));
    json_decref(json);
    free(text);
    status_free(status);
    status_history_end(history);
}
END_TEST

/* The longest answer, which a browser asks for every two seconds. */
START_TEST(the_answer_is_bounded)
{
    struct status *status = a_status();
    status->sample_count = HISTORY_SAMPLES;
    for (size_t i = 0; i < HISTORY_SAMPLES; i++) {
        struct status_sample *sample = &status->samples[i];
        sample->clock_ms = 5000 * (int64_t)i;
        sample->oldest_seconds = 123.456789 * (double)i;
        sample->lag = 123456789 * (int64_t)i;
        for (unsigned code = 1; code < ERROR_COUNT; code++)
            sample->rejections[code] = 1234567 * i;
        for (unsigned stage = 0; stage < BATCH_STAGES; stage++)
            observe(&sample->stages[stage], (unsigned)i * i, 0.0123456);
    }
    status->now = status->samples[HISTORY_SAMPLES - 1];
    status->busiest.total = 1000;
    for (size_t i = 0; i < STATUS_WORKSPACES; i++)
        status->busiest.rows[status->busiest.count++] = (struct workspace_row){{.partition = 1, .length = 64}, 999, 9};
    status->rejected = status->busiest;
    char *text = written(status);
    json_decref(parsed(text));
    ck_assert_uint_lt(strlen(text), 40000);
    free(text);
    end(status);
}
END_TEST

/* ---- the page's policy ---- */

START_TEST(the_policy_names_the_hashes_of_script_and_style)
{
    char policy[STATUS_PAGE_POLICY];
    status_page_policy(policy);
    ck_assert_ptr_null(strstr(policy, "unsafe"));
    ck_assert_ptr_nonnull(strstr(policy, "default-src 'none'; script-src 'sha256-"));
    ck_assert_ptr_nonnull(strstr(policy, "; style-src 'sha256-"));
    ck_assert_ptr_nonnull(strstr(policy, "trusted-types 'none'"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *sums = tcase_create("sums");
    tcase_add_checked_fixture(sums, open_threads, close_threads);
    tcase_add_test(sums, totals_are_those_of_all_threads);
    tcase_add_test(sums, quantiles_are_those_of_prometheus);
    tcase_add_test(sums, all_threads_come_out_in_one_object);
    tcase_add_test(sums, the_commands_that_have_waited_longest_come_first);
    suite_add_tcase(suite, sums);
    TCase *findings = tcase_create("verdict");
    tcase_add_test(findings, nothing_is_found_where_all_is_well);
    tcase_add_test(findings, a_full_redis_is_told_from_one_that_is_away);
    tcase_add_test(findings, a_kafka_that_is_away_is_told_from_a_slow_one);
    tcase_add_test(findings, a_partition_that_waits_for_definitions_is_named_with_its_workspace);
    tcase_add_test(findings, a_producer_that_sends_garbage_is_told_with_the_last_place);
    tcase_add_test(findings, partitions_that_wait_are_all_named_or_counted);
    tcase_add_test(findings, since_when_kafka_is_slow_is_told_from_the_samples);
    tcase_add_test(findings, redis_in_the_commit_stage_is_not_kafka);
    tcase_add_test(findings, where_the_time_goes_tells_why_replies_are_late);
    tcase_add_test(findings, commands_that_wait_elsewhere_are_found);
    tcase_add_test(findings, lost_spans_are_a_note);
    tcase_add_test(findings, the_workspace_of_most_rejections_is_named);
    tcase_add_test(findings, causes_come_before_their_effects);
    tcase_add_test(findings, a_worker_that_gets_ready_says_what_it_waits_for);
    suite_add_tcase(suite, findings);
    TCase *json = tcase_create("json");
    tcase_add_test(json, texts_of_strangers_stay_texts);
    tcase_add_test(json, the_answer_is_bounded);
    tcase_add_test(json, the_policy_names_the_hashes_of_script_and_style);
    suite_add_tcase(suite, json);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
