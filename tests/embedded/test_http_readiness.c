/* /readyz and /livez: when the worker is ready, and what it says when it is not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"
#include "tests/embedded/http_stage.h"
#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

START_TEST(it_is_ready_while_it_has_redis_and_not_while_draining)
{
    fixture_end_redis();
    serve("at-least-once", "worker.threads=2");
    wait_for_readiness("no connection to Kafka and Redis"); /* Kafka is not asked before Redis is there */
    ck_assert_double_eq(metric("ready"), 0);
    ck_assert_double_eq(metric("redis_up"), 0);
    fixture_begin_redis();
    wait_for_readiness(NULL);
    ck_assert_double_eq(metric("ready"), 1);
    ck_assert_double_eq(metric("redis_up"), 1);
    fixture_end_redis(); /* it is noticed although no command is sent */
    wait_for_readiness("no connection to Redis");
    ck_assert_double_eq(metric("redis_up"), 0);
    ck_assert_double_eq(metric("kafka_up"), 1);
    ck_assert_double_ge(metric("redis_retries_total"), 1);
    struct answer live = ask("GET", "/livez");
    ck_assert_int_eq(live.status, 200);
    ck_assert_str_eq(live.body, "{\"live\":true}\n");
    free(live.text);
    fixture_begin_redis();
    wait_for_readiness(NULL);
    fixture_send_valid(1, 1);
    wait_for_metric("commands_total{result=\"created\"}", 1);
    stop_request();
    wait_for_readiness("draining");
    ck_assert_double_eq(metric("ready"), 0);
    live = ask("GET", "/livez");
    ck_assert_int_eq(live.status, 200);
    free(live.text);
    ck_assert(workers_wait(fixture.workers, fixture.config->shutdown.timeout_ms));
    wait_for_readiness("draining");
}
END_TEST

/* A Redis that is empty holds no client of the record topic: it may be flushed. */
START_TEST(it_is_not_ready_on_an_empty_redis_before_that_was_rebuilt)
{
    bool ready = false;
    unsigned refusals = 0;
    serve("at-least-once", "worker.threads=2");
    for (int64_t until = clock_now_ms() + FIXTURE_PATIENCE_MS; !ready && clock_now_ms() < until; refusals += !ready) {
        struct answer answer = ask("GET", "/readyz");
        ready = answer.status == 200;
        ck_assert_msg(ready || strstr(answer.body, "\"reason\":\"") != NULL, "%s", answer.body);
        free(answer.text);
    }
    ck_assert(ready && refusals > 0);
    ck_assert_double_eq(metric("rebuilds_total"), 1);
    ck_assert_double_eq(metric("index_audited"), 1);
}
END_TEST

START_TEST(it_is_not_ready_while_kafka_is_away)
{
    serve("at-least-once", "worker.threads=1");
    wait_for_readiness(NULL);
    rd_kafka_mock_broker_set_down(fixture.broker.cluster, 1);
    wait_for_readiness("no connection to Kafka");
    ck_assert_double_eq(metric("kafka_up"), 0);
    ck_assert_double_eq(metric("redis_up"), 1);
    rd_kafka_mock_broker_set_up(fixture.broker.cluster, 1);
    wait_for_readiness(NULL);
    ck_assert_double_eq(metric("kafka_up"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http readiness");
    TCase *readiness = http_case(suite, "readiness");
    tcase_add_test(readiness, it_is_ready_while_it_has_redis_and_not_while_draining);
    tcase_add_test(readiness, it_is_not_ready_on_an_empty_redis_before_that_was_rebuilt);
    tcase_add_test(readiness, it_is_not_ready_while_kafka_is_away);
    return side_by_side(suite, (const char *const[]){"readiness", NULL});
}
