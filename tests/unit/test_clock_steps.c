/* The wall clock is set while threads are joined: that neither cuts a limit short nor lengthens it. */
#include <check.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/daemon/worker.h"
#include "worker/http/status_history.h"

#define STEP_S   3600
#define SHORT_MS 200
#define LONG_MS  60000 /* what ends by itself ends sooner, also on a slow machine */

/* What a program sees that has read the wall clock just before it was set: the system goes by the clock of after. */
static int64_t read_before_s;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += read_before_s;
    return (int)result;
}

static struct config *config;
static struct workers *workers;

static void start(void)
{
    const char *settings[] = {"kafka.bootstrap.servers=127.0.0.1:1", "redis.address=127.0.0.1:1", "log.level=error",
                              "worker.threads=2", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    workers = workers_start(config);
    ck_assert_ptr_nonnull(workers);
}

START_TEST(threads_that_work_are_not_awaited_for_longer)
{
    start();
    read_before_s = STEP_S; /* it is set back */
    int64_t began_ms = clock_now_ms();
    ck_assert(!workers_wait(workers, SHORT_MS));
    ck_assert_int_ge(clock_now_ms() - began_ms, SHORT_MS);
    read_before_s = 0;
    stop_request();
    ck_assert(workers_join(workers, LONG_MS));
    config_free(config);
}
END_TEST

START_TEST(threads_that_end_are_awaited_all_the_time)
{
    start();
    read_before_s = -STEP_S; /* it is set forward */
    stop_request();
    ck_assert(workers_wait(workers, LONG_MS));
    ck_assert(workers_end_helpers(workers, LONG_MS));
    workers_free(workers);
    config_free(config);
}
END_TEST

/* Samples are the plots of the page, one every few seconds. */
START_TEST(samples_are_taken_on_time)
{
    enum { WANTED = 2 };
    static struct status_sample samples[HISTORY_SAMPLES];
    struct metrics *metrics = metrics_new();
    ck_assert_ptr_nonnull(metrics);
    read_before_s = STEP_S;
    struct status_history *history = status_history_start(&metrics, 1);
    ck_assert_ptr_nonnull(history);
    for (int64_t until_ms = clock_now_ms() + LONG_MS;
         status_history_read(history, samples) < WANTED && clock_now_ms() < until_ms;)
        clock_sleep(20);
    ck_assert_int_ge((int)status_history_read(history, samples), WANTED);
    status_history_end(history);
    metrics_free(metrics);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock steps");
    TCase *tcase = tcase_create("clock steps");
    tcase_set_timeout(tcase, 150);
    tcase_add_test(tcase, threads_that_work_are_not_awaited_for_longer);
    tcase_add_test(tcase, threads_that_end_are_awaited_all_the_time);
    tcase_add_test(tcase, samples_are_taken_on_time);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
