/* /metrics: every command is counted by what became of it, and what waits is shown. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/embedded/http_stage.h"
#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"
#include "worker/metrics/metrics_read.h"

static void send_text(int32_t partition, const char *text)
{
    fixture_send(partition, SPAN("acme"), span_of_text(text), NULL);
}

START_TEST(every_command_is_counted_by_its_result)
{
    static const char *const invalid = "{\"commandId\":\"i\",\"workspaceId\":\"acme\",\"givenName\":\"A\"}";
    static const char *const taken =
        "{\"commandId\":\"t\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","
        "\"email\":\"ADA0@example.com\"}";
    static const char *const undefined =
        "{\"commandId\":\"u\",\"workspaceId\":\"none\",\"givenName\":\"A\",\"familyName\":\"B\","
        "\"email\":\"u@example.com\",\"customFields\":{\"seats\":1}}";
    serve("at-least-once", "worker.threads=1");
    for (int i = 0; i < 7; i++)
        fixture_send_valid(0, i);
    fixture_send_valid(0, 3); /* the same again */
    send_text(0, invalid);
    send_text(0, invalid);
    send_text(0, taken);
    send_text(0, undefined);
    send_text(0, "not JSON");
    char *large = malloc(300001);
    memset(large, 'x', 300000);
    large[300000] = '\0';
    send_text(0, large);
    free(large);
    wait_for_metric("rejections_total{code=\"too_large\"}", 1); /* the last of the partition */
    const struct {
        const char *sample;
        double value;
    } rows[] = {
        {"commands_total{result=\"created\"}", 7},
        {"commands_total{result=\"duplicate\"}", 1},
        {"commands_total{result=\"rejected\"}", 6},
        {"duplicates_total", 1},
        {"rejections_total{code=\"validation_failed\"}", 2},
        {"rejections_total{code=\"email_taken\"}", 1},
        {"rejections_total{code=\"definitions_missing\"}", 1},
        {"rejections_total{code=\"malformed_json\"}", 1},
        {"rejections_total{code=\"command_id_conflict\"}", 0},
        {"dead_letters_total", 2},
        {"dead_letters_refused_total", 0},
        {"reply_seconds_count", 14},
        {"batch_commands_sum", 14},
        {"redis_retries_total", 0},
        {"redis_up", 1},
        {"kafka_up", 1},
        {"transactions_total{result=\"committed\"}", 0}, /* there are none in this mode */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(metric(rows[i].sample) == rows[i].value, "%s is %g", rows[i].sample, metric(rows[i].sample));
    double batches = metric("batch_commands_count");
    ck_assert_double_ge(batches, 1);
    static const char *const stages[] = {"decode", "definitions", "check", "claim", "compose", "commit"};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        char sample[64];
        snprintf(sample, sizeof(sample), "batch_seconds_count{stage=\"%s\"}", stages[i]);
        wait_for_metric(sample, batches);
    }
    ck_assert_double_ge(metric("definitions_cache_total{event=\"miss\"}"), 2); /* acme and none */
    ck_assert_double_eq(metric("definitions_cache_total{event=\"broken\"}"), 0);
}
END_TEST

/* One that the broker would not take although the worker could read it. */
START_TEST(refused_dead_letters_are_counted_apart)
{
    const char *settings[] = {"http.listen=127.0.0.1:0", CALM, "kafka.producer.message.max.bytes=2000000",
                              "kafka.consumer.fetch.message.max.bytes=20000000", NULL};
    char *large = malloc(3000001);
    memset(large, 'x', 3000000);
    large[3000000] = '\0';
    serve_with("at-least-once", settings);
    send_text(0, large);
    send_text(0, "not JSON");
    free(large);
    wait_for_metric("rejections_total{code=\"malformed_json\"}", 1);
    ck_assert_double_eq(metric("rejections_total{code=\"too_large\"}"), 1);
    ck_assert_double_eq(metric("dead_letters_refused_total"), 1);
    ck_assert_double_eq(metric("dead_letters_total"), 1);
}
END_TEST

START_TEST(transactions_are_counted_by_how_they_ended)
{
    serve("exactly-once", "worker.threads=1");
    fixture_send_valid(0, 0);
    wait_for_metric("commands_total{result=\"created\"}", 1);
    ck_assert_double_eq(metric("transactions_total{result=\"committed\"}"), 1);
    ck_assert_double_eq(metric("transactions_total{result=\"aborted\"}"), 0);
    const int16_t txn_offset_commit = 28; /* ApiKey of the Kafka protocol */
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, txn_offset_commit, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    fixture_send_valid(0, 1);
    wait_for_metric("commands_total{result=\"created\"}", 2);
    ck_assert_double_eq(metric("transactions_total{result=\"committed\"}"), 2);
    ck_assert_double_ge(
        metric("transactions_total{result=\"aborted\"}") + metric("transactions_total{result=\"lost\"}"), 1);
}
END_TEST

#define LAG_OF(partition) "consumer_lag{topic=\"clients.commands\",partition=\"" #partition "\"}"

/* Waits until each thread shows partitions and no two show the same: then all have joined, and none gets another one.
 */
static void wait_for_threads_to_share_partitions(void)
{
    size_t count, least = 0, sum = 0;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &count);
    for (int64_t until = clock_now_ms() + FIXTURE_PATIENCE_MS; least == 0 || sum != FIXTURE_PARTITIONS; sleep_ms(50)) {
        ck_assert_msg(clock_now_ms() < until, "of %zu threads that show %zu partitions one shows %zu", count, sum,
                      least);
        least = FIXTURE_PARTITIONS;
        sum = 0;
        for (size_t i = 0; i < count; i++) {
            struct partition_lag *lags;
            const size_t shown = metrics_lags(&metrics[i], 1, &lags);
            free(lags);
            least = shown < least ? shown : least;
            sum += shown;
        }
    }
}

/* Partition 2 has nothing, so that nothing but waiting tells that it is at its end. A thread that joins while Redis is
 * away would take a partition whose last commit was refused, and its lag would have the commands of that, too. */
START_TEST(lag_is_what_has_no_answer_even_while_nothing_is_fetched)
{
    serve("at-least-once", "worker.threads=2");
    wait_for_threads_to_share_partitions();
    for (int i = 0; i < 10; i++)
        fixture_send_valid(i % 2, i);
    wait_for_metric_from("commands_total{result=\"created\"}", 10);
    wait_for_metric(LAG_OF(0), 0);
    wait_for_metric(LAG_OF(1), 0);
    wait_for_metric(LAG_OF(2), 0);
    fixture_end_redis();
    wait_for_readiness("no connection to Redis");
    for (int i = 10; i < 40; i++)
        fixture_send_valid(i % 3, i);
    wait_for_metric(LAG_OF(0), 10);
    wait_for_metric(LAG_OF(1), 10);
    wait_for_metric(LAG_OF(2), 10);
    fixture_begin_redis();
    wait_for_metric_from("commands_total{result=\"created\"}", 40);
    wait_for_metric(LAG_OF(0), 0);
    wait_for_metric(LAG_OF(1), 0);
    wait_for_metric(LAG_OF(2), 0);
}
END_TEST

START_TEST(partitions_that_wait_for_definitions_are_shown)
{
    serve("at-least-once", "definitions.on_missing=wait");
    fixture_send(1, SPAN_NONE,
                 SPAN("{\"commandId\":\"w\",\"workspaceId\":\"later\",\"givenName\":\"A\",\"familyName\":\"B\","
                      "\"email\":\"w@example.com\",\"customFields\":{\"pronouns\":\"she\"}}"),
                 NULL);
    wait_for_metric("definitions_waiting_partitions", 1);
    fixture_define("later");
    wait_for_metric("commands_total{result=\"created\"}", 1);
    wait_for_metric("definitions_waiting_partitions", 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http metrics");
    TCase *counts = http_case(suite, "counts");
    tcase_add_test(counts, every_command_is_counted_by_its_result);
    tcase_add_test(counts, refused_dead_letters_are_counted_apart);
    tcase_add_test(counts, transactions_are_counted_by_how_they_ended);
    TCase *levels = http_case(suite, "levels");
    tcase_add_test(levels, lag_is_what_has_no_answer_even_while_nothing_is_fetched);
    tcase_add_test(levels, partitions_that_wait_for_definitions_are_shown);
    return side_by_side(suite, (const char *const[]){"counts", "levels", NULL});
}
