/* trace_queue: it keeps the order, refuses what it has no room for without waiting, and its waits end. */
#include "tests/unit/evaluating.h"

#include <pthread.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/tracing/trace_queue.h"

#define SPANS_MOST 20
#define BYTES_MOST 100000
#define ENOUGH     10
#define LONG_MS    INT64_C(3600000)

static struct trace_queue queue;

static void open_queue(void)
{
    ck_assert_int_eq(trace_queue_open(&queue, SPANS_MOST, BYTES_MOST, ENOUGH), 0);
}

static void close_queue(void)
{
    trace_queue_close(&queue);
}

/* A trace of so many spans that says `number`. */
static struct trace *trace_of(uint32_t number, uint32_t spans)
{
    struct trace trace = {.commands = number, .stage_count = spans - 1};
    struct trace *copy = trace_copy(&trace);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

static bool put(uint32_t number, uint32_t spans, size_t bytes)
{
    struct trace *trace = trace_of(number, spans);
    trace->bytes = bytes;
    const bool taken = trace_queue_put(&queue, trace);
    if (!taken)
        free(trace);
    return taken;
}

/* Takes, and returns the numbers of what it got as a text. */
static const char *take(int64_t delay_ms, size_t most, size_t bytes)
{
    static char text[256];
    struct trace *traces[SPANS_MOST];
    const size_t count = trace_queue_take(&queue, delay_ms, bytes, traces, most);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        sprintf(text + strlen(text), "%u ", traces[i]->commands);
        free(traces[i]);
    }
    return text;
}

START_TEST(traces_come_out_in_their_order)
{
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 1; i <= 3; i++)
            ck_assert(put(i, 2, 100));
        ck_assert_str_eq(take(0, SPANS_MOST, BYTES_MOST), "1 2 3 ");
    }
}
END_TEST

START_TEST(there_is_room_for_so_many_spans)
{
    ck_assert(put(1, 12, 1));
    ck_assert(!put(2, 9, 1));
    ck_assert(put(3, 8, 1));
    ck_assert(!put(4, 1, 1));
    ck_assert_str_eq(take(0, SPANS_MOST, BYTES_MOST), "1 ");
    ck_assert(put(5, 12, 1));
    ck_assert_str_eq(take(0, SPANS_MOST, BYTES_MOST), "3 5 ");
}
END_TEST

START_TEST(there_is_room_for_so_many_bytes)
{
    ck_assert(put(1, 1, BYTES_MOST - 10));
    ck_assert(!put(2, 1, 11));
    ck_assert(put(3, 1, 10));
    ck_assert(!put(4, 1, 1));
    ck_assert_str_eq(take(0, SPANS_MOST, BYTES_MOST), "1 3 ");
    ck_assert(put(5, 1, BYTES_MOST));
}
END_TEST

START_TEST(no_more_is_taken_than_asked_for)
{
    for (uint32_t i = 1; i <= 5; i++)
        ck_assert(put(i, 4, 1000));
    ck_assert_str_eq(take(0, 1, BYTES_MOST), "1 ");
    ck_assert_str_eq(take(0, SPANS_MOST, 1500), "2 3 ");
    ck_assert_str_eq(take(0, SPANS_MOST, BYTES_MOST), "4 5 ");
    for (uint32_t i = 1; i <= 5; i++)
        ck_assert(put(i, 4, 1000));
    ck_assert_str_eq(take(0, SPANS_MOST, BYTES_MOST), "1 2 3 "); /* ENOUGH spans */
}
END_TEST

START_TEST(the_first_waits_for_the_delay)
{
    ck_assert(put(1, 1, 1));
    const int64_t began_ms = clock_now_ms();
    ck_assert_str_eq(take(200, SPANS_MOST, BYTES_MOST), "1 ");
    ck_assert_int_ge(clock_now_ms() - began_ms, 150);
}
END_TEST

START_TEST(enough_spans_do_not_wait)
{
    ck_assert(put(1, ENOUGH, 1));
    ck_assert_str_eq(take(LONG_MS, SPANS_MOST, BYTES_MOST), "1 ");
}
END_TEST

static void *put_enough(void *argument)
{
    (void)argument;
    for (uint32_t i = 1; i <= 5; i++) {
        usleep(20000);
        ck_assert(put(i, 2, 1));
    }
    return NULL;
}

START_TEST(enough_spans_end_a_wait)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, put_enough, NULL), 0);
    ck_assert_str_eq(take(LONG_MS, SPANS_MOST, BYTES_MOST), "1 2 3 4 5 ");
    pthread_join(thread, NULL);
}
END_TEST

static void *end_soon(void *argument)
{
    usleep(50000);
    trace_queue_end(&queue, clock_now_ms() + *(int64_t *)argument);
    return NULL;
}

START_TEST(the_end_ends_waits)
{
    pthread_t thread;
    int64_t within_ms = 0;
    ck_assert_int_eq(trace_queue_deadline_ms(&queue), INT64_MAX);
    ck_assert_int_eq(pthread_create(&thread, NULL, end_soon, &within_ms), 0);
    ck_assert_str_eq(take(LONG_MS, SPANS_MOST, BYTES_MOST), "");
    pthread_join(thread, NULL);
    ck_assert(put(1, 2, 1));
    ck_assert_str_eq(take(LONG_MS, SPANS_MOST, BYTES_MOST), "1 "); /* what is left is taken */
    ck_assert_str_eq(take(LONG_MS, SPANS_MOST, BYTES_MOST), "");
    ck_assert(!trace_queue_pause(&queue, clock_now_ms() + LONG_MS));
}
END_TEST

START_TEST(a_pause_lasts_until_its_time_unless_the_end_is_before)
{
    pthread_t thread;
    int64_t began_ms = clock_now_ms(), within_ms = LONG_MS;
    ck_assert(trace_queue_pause(&queue, began_ms + 100));
    ck_assert_int_ge(clock_now_ms() - began_ms, 100);
    began_ms = clock_now_ms();
    ck_assert_int_eq(pthread_create(&thread, NULL, end_soon, &within_ms), 0);
    ck_assert(!trace_queue_pause(&queue, began_ms + 3 * LONG_MS));
    ck_assert_int_lt(clock_now_ms() - began_ms, LONG_MS / 2);
    pthread_join(thread, NULL);
    began_ms = clock_now_ms();
    ck_assert(trace_queue_pause(&queue, began_ms + 100)); /* there is time for it */
    ck_assert_int_ge(clock_now_ms() - began_ms, 100);
    trace_queue_end(&queue, clock_now_ms());
    trace_queue_end(&queue, clock_now_ms() + LONG_MS); /* no later than before */
    ck_assert(!trace_queue_pause(&queue, clock_now_ms() + 100));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_queue");
    TCase *tests = tcase_create("trace_queue");
    tcase_add_checked_fixture(tests, open_queue, close_queue);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, traces_come_out_in_their_order);
    tcase_add_test(tests, there_is_room_for_so_many_spans);
    tcase_add_test(tests, there_is_room_for_so_many_bytes);
    tcase_add_test(tests, no_more_is_taken_than_asked_for);
    tcase_add_test(tests, the_first_waits_for_the_delay);
    tcase_add_test(tests, enough_spans_do_not_wait);
    tcase_add_test(tests, enough_spans_end_a_wait);
    tcase_add_test(tests, the_end_ends_waits);
    tcase_add_test(tests, a_pause_lasts_until_its_time_unless_the_end_is_before);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
