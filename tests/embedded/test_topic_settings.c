/* The settings of named reply topics where Kafka does not tell them: the topics are used, and nobody waits for long. (A
 * Kafka that tells them is in tests/faults/refused_marker.sh.) */
#include <check.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

/* For a command, however busy the machine is; without an answer it waits three seconds. */
#define QUICK_MS 2500

static atomic_bool is_silent;     /* no question about settings is answered */
static atomic_int asked, in_vain; /* so many were asked, and not answered */

/* In place of librdkafka's, which calls the real one. */
void rd_kafka_DescribeConfigs(rd_kafka_t *client, rd_kafka_ConfigResource_t **resources, size_t count,
                              const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    void *found = dlsym(RTLD_NEXT, "rd_kafka_DescribeConfigs");
    __typeof__(&rd_kafka_DescribeConfigs) real;
    ck_assert_ptr_nonnull(found);
    memcpy(&real, &found, sizeof(real));
    atomic_fetch_add(&asked, 1);
    if (atomic_load(&is_silent))
        atomic_fetch_add(&in_vain, 1);
    else
        real(client, resources, count, options, queue);
}

/* One command after the other. Returns how long the slowest one took. */
static int64_t slowest_of(int first, int count)
{
    int64_t slowest_ms = 0;
    for (int i = first; i < first + count; i++) {
        const int64_t began_ms = clock_now_ms();
        fixture_send_naming("other.replies", i);
        wait_until_committed((uint64_t)i + 1);
        const int64_t took_ms = clock_now_ms() - began_ms;
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
    }
    return slowest_ms;
}

static void expect_named_replies(size_t count)
{
    rd_kafka_message_t *messages[16];
    ck_assert_uint_eq(fixture_read("other.replies", messages, count), count);
    fixture_forget(messages, count);
}

START_TEST(kafka_that_tells_no_settings_is_asked_once)
{
    fixture_start("exactly-once", NULL);
    fixture_send_valid(0, 100); /* the daemon begins */
    wait_until_committed(1);
    ck_assert_int_lt(slowest_of(1, 5), QUICK_MS);
    ck_assert_int_eq(atomic_load(&asked), 1);
    expect_named_replies(5);
    fixture_stop();
}
END_TEST

START_TEST(kafka_that_does_not_answer_costs_seconds_once)
{
    atomic_store(&is_silent, true);
    fixture_start("exactly-once", NULL);
    slowest_of(0, 1);
    while (atomic_load(&in_vain) < 2)
        sleep_ms(10);
    slowest_of(1, 1);
    ck_assert_int_lt(slowest_of(2, 3), QUICK_MS);
    expect_named_replies(5);
    fixture_stop();
}
END_TEST

START_TEST(settings_do_not_matter_without_transactions)
{
    fixture_start("at-least-once", NULL);
    slowest_of(0, 2);
    ck_assert_int_eq(atomic_load(&asked), 0);
    expect_named_replies(2);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topic settings");
    tcase_add_test(add_case(suite, "none"), kafka_that_tells_no_settings_is_asked_once);
    tcase_add_test(add_case(suite, "silent"), kafka_that_does_not_answer_costs_seconds_once);
    tcase_add_test(add_case(suite, "at least once"), settings_do_not_matter_without_transactions);
    return side_by_side(suite, (const char *const[]){"none", "silent", "at least once", NULL});
}
