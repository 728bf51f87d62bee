/* ordered_queue: places come out in order, whichever thread worked on them and however long; and every thread can be
 * stopped. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/ordered_queue.h"

#define NUMBERS 5000
#define WORKERS 5

struct belt {
    struct ordered_queue queue;
    int numbers[16]; /* by place; the queue's rules keep two threads from touching one at once */
    atomic_int worked;
};

static void belt_open(struct belt *belt, uint32_t places)
{
    *belt = (struct belt){0};
    ck_assert_int_eq(ordered_queue_open(&belt->queue, places), 0);
}

static void *fill(void *subject)
{
    struct belt *belt = subject;
    uint32_t place;
    for (int number = 0; number < NUMBERS && ordered_queue_fill(&belt->queue, &place); number++) {
        belt->numbers[place] = number;
        ordered_queue_filled(&belt->queue);
    }
    ordered_queue_end(&belt->queue);
    return NULL;
}

/* Some numbers take longer, so that later ones are done before them. */
static void *work(void *subject)
{
    struct belt *belt = subject;
    uint32_t place;
    while (ordered_queue_work(&belt->queue, &place)) {
        for (int i = belt->numbers[place] % 7; i > 0; i--)
            sched_yield();
        belt->numbers[place] *= 2;
        atomic_fetch_add(&belt->worked, 1);
        ordered_queue_worked(&belt->queue, place);
    }
    return NULL;
}

static const uint32_t places[] = {1, 2, 16};

START_TEST(everything_comes_out_once_and_in_order)
{
    struct belt belt;
    pthread_t filler, workers[WORKERS];
    belt_open(&belt, places[_i]);
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_create(&workers[i], NULL, work, &belt), 0);
    ck_assert_int_eq(pthread_create(&filler, NULL, fill, &belt), 0);
    int count = 0;
    for (uint32_t place; ordered_queue_empty(&belt.queue, &place); count++) {
        ck_assert_int_eq(belt.numbers[place], 2 * count);
        ordered_queue_emptied(&belt.queue);
    }
    ck_assert_int_eq(count, NUMBERS);
    ck_assert_int_eq(belt.worked, NUMBERS);
    pthread_join(filler, NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    ordered_queue_close(&belt.queue);
}
END_TEST

/* No thread empties, so the filling thread waits for a place, and the working threads wait for a filled one, until
 * they are stopped. */
START_TEST(who_waits_can_be_stopped)
{
    struct belt belt;
    pthread_t filler, workers[WORKERS];
    belt_open(&belt, 4);
    ck_assert_int_eq(pthread_create(&filler, NULL, fill, &belt), 0);
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(pthread_create(&workers[i], NULL, work, &belt), 0);
    while (atomic_load(&belt.worked) < 4)
        sched_yield();
    ordered_queue_stop(&belt.queue);
    pthread_join(filler, NULL);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    uint32_t place;
    ck_assert(!ordered_queue_empty(&belt.queue, &place));
    ck_assert_int_eq(belt.worked, 4);
    ordered_queue_close(&belt.queue);
}
END_TEST

START_TEST(nothing_comes_of_nothing)
{
    struct belt belt;
    uint32_t place;
    belt_open(&belt, 3);
    ordered_queue_end(&belt.queue);
    ck_assert(!ordered_queue_work(&belt.queue, &place));
    ck_assert(!ordered_queue_empty(&belt.queue, &place));
    ordered_queue_close(&belt.queue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ordered_queue");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, everything_comes_out_once_and_in_order, 0, (int)(sizeof(places) / sizeof(places[0])));
    tcase_add_test(tests, who_waits_can_be_stopped);
    tcase_add_test(tests, nothing_comes_of_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
