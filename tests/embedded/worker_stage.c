#include "tests/embedded/worker_stage.h"

#include <stdlib.h>
#include <time.h>

TCase *add_case_that_opens(Suite *suite, const char *name, void (*open)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, open, fixture_close);
    suite_add_tcase(suite, tcase);
    return tcase;
}

TCase *add_case(Suite *suite, const char *name)
{
    return add_case_that_opens(suite, name, fixture_open);
}

void sleep_ms(int wait_ms)
{
    nanosleep(&(struct timespec){wait_ms / 1000, (wait_ms % 1000) * 1000000L}, NULL);
}

uint64_t count_of(enum metric metric, unsigned value)
{
    size_t threads;
    return metrics_get(workers_metrics(fixture.workers, &threads)[0], metric, value);
}

void wait_for_count(enum metric metric, unsigned value, uint64_t least)
{
    for (int waited = 0; count_of(metric, value) < least; waited += 20) {
        ck_assert_msg(waited < FIXTURE_PATIENCE_MS, "metric %d is %llu, not %llu", (int)metric,
                      (unsigned long long)count_of(metric, value), (unsigned long long)least);
        sleep_ms(20);
    }
}

void wait_until_committed(uint64_t commands)
{
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, commands);
}

void expect_replies_of(int32_t partition, const char *const *verdicts, size_t count, size_t all)
{
    rd_kafka_message_t **replies = calloc(all, sizeof(rd_kafka_message_t *));
    ck_assert_uint_eq(fixture_read("clients.replies", replies, all), all);
    size_t found = 0;
    for (size_t i = 0; i < all; i++) {
        int32_t from;
        int64_t offset;
        reply_source(replies[i], &from, &offset);
        if (from != partition)
            continue;
        ck_assert_int_eq(offset, (int64_t)found);
        ck_assert_uint_lt(found, count);
        ck_assert_str_eq(reply_verdict(replies[i]), verdicts[found++]);
    }
    ck_assert_uint_eq(found, count);
    fixture_forget(replies, all);
    free(replies);
}

void expect_replies_in_order(size_t count)
{
    rd_kafka_message_t **replies = calloc(count, sizeof(rd_kafka_message_t *));
    int64_t last[FIXTURE_PARTITIONS] = {-1, -1, -1};
    size_t found = fixture_read("clients.replies", replies, count);
    ck_assert_uint_eq(found, count);
    for (size_t i = 0; i < count; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        ck_assert_int_eq(offset, last[partition] + 1);
        last[partition] = offset;
    }
    fixture_forget(replies, count);
    free(replies);
}
