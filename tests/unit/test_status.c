/* The status: /status.json has its members, and no text of a stranger leaves its place; the ring of the last ten
 * minutes; quantiles as Prometheus computes them. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/unit/evaluating.h"
#include "tests/unit/status_stage.h"
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
    status_free(status);
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
    status_free(status);
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
    TCase *json = tcase_create("json");
    tcase_add_test(json, texts_of_strangers_stay_texts);
    tcase_add_test(json, the_answer_is_bounded);
    tcase_add_test(json, the_policy_names_the_hashes_of_script_and_style);
    suite_add_tcase(suite, json);
    return run_suite(suite);
}
