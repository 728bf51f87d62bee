/* pipeline: everything that is filled is worked on once and emptied in its order, on any number of threads; and it can
 * end early from either side. */
#include "tests/unit/evaluating.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/pipeline.h"

/* Sanitizers need address space of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NEEDS_ADDRESSES true
#else
#define NEEDS_ADDRESSES false
#endif

#define MOST_PLACES (2 * PIPELINE_THREADS + 1)

struct belt {
    int count; /* to fill */
    int last;  /* emptying ends after this number; -1: never */
    int filled, emptied;
    int numbers[MOST_PLACES];      /* by place; the rules of the pipeline keep two threads from touching one at once */
    int at_work[PIPELINE_THREADS]; /* by thread: what it did */
    atomic_bool is_at_work[PIPELINE_THREADS]; /* by thread */
    atomic_int worked, stopped;
    int places;
    pthread_t caller;
    bool filled_by_caller, emptied_by_another;
    int blocking[2]; /* a pipe from which `fill` reads when it has filled everything; -1: none */
};

static bool fill(void *subject, uint32_t place)
{
    struct belt *belt = subject;
    char byte;
    belt->filled_by_caller |= pthread_equal(pthread_self(), belt->caller);
    ck_assert_uint_lt(place, (uint32_t)belt->places);
    if (belt->filled == belt->count && belt->blocking[0] >= 0)
        return read(belt->blocking[0], &byte, 1) == 1 && byte == 'x';
    if (belt->filled == belt->count)
        return false;
    belt->numbers[place] = belt->filled++;
    return true;
}

/* Some numbers take longer, so that later ones are done before them. */
static void work(void *subject, uint32_t place, uint32_t thread)
{
    struct belt *belt = subject;
    ck_assert(!atomic_exchange(&belt->is_at_work[thread], true));
    for (int i = belt->numbers[place] % 7; i > 0; i--)
        sched_yield();
    belt->numbers[place] = 2 * belt->numbers[place] + 1;
    belt->at_work[thread]++;
    atomic_store(&belt->is_at_work[thread], false);
    atomic_fetch_add(&belt->worked, 1);
}

static bool empty(void *subject, uint32_t place)
{
    struct belt *belt = subject;
    belt->emptied_by_another |= !pthread_equal(pthread_self(), belt->caller);
    ck_assert_int_eq(belt->numbers[place], 2 * belt->emptied + 1);
    return belt->emptied++ != belt->last;
}

static void stop(void *subject)
{
    struct belt *belt = subject;
    atomic_fetch_add(&belt->stopped, 1);
    if (belt->blocking[1] >= 0)
        ck_assert_int_eq((int)write(belt->blocking[1], "e", 1), 1);
}

static struct belt *belt_new(int count, int last)
{
    struct belt *belt = calloc(1, sizeof(*belt));
    ck_assert_ptr_nonnull(belt);
    belt->count = count;
    belt->last = last;
    belt->caller = pthread_self();
    belt->blocking[0] = belt->blocking[1] = -1;
    return belt;
}

static bool run(struct belt *belt, uint32_t threads, uint32_t places)
{
    const struct pipeline pipeline = {.subject = belt,
                                      .threads = threads,
                                      .places = places,
                                      .fill = fill,
                                      .work = work,
                                      .empty = empty,
                                      .stop = stop};
    belt->places = (int)places;
    return pipeline_run(&pipeline);
}

static const uint32_t shapes[][2] = {{1, 1}, {1, 3}, {2, 1}, {2, 5}, {5, 2}, {8, 17}, {64, 129}, {256, 513}};

START_TEST(everything_comes_out_once_and_in_order)
{
    struct belt *belt = belt_new(5000, -1);
    const uint32_t threads = shapes[_i][0];
    int sum = 0;
    ck_assert(run(belt, threads, shapes[_i][1]));
    ck_assert_int_eq(belt->emptied, 5000);
    ck_assert_int_eq(belt->worked, 5000);
    for (uint32_t i = 0; i < PIPELINE_THREADS; i++) {
        sum += belt->at_work[i];
        ck_assert(i < threads || belt->at_work[i] == 0);
    }
    ck_assert_int_eq(sum, 5000); /* no two threads have one number */
    ck_assert_int_eq(belt->stopped, 1);
    free(belt);
}
END_TEST

START_TEST(steps_run_in_their_threads)
{
    struct belt *belt = belt_new(100, -1);
    ck_assert(run(belt, 3, 7));
    ck_assert(!belt->filled_by_caller);
    ck_assert(!belt->emptied_by_another);
    free(belt);
}
END_TEST

START_TEST(nothing_comes_of_nothing)
{
    struct belt *belt = belt_new(0, -1);
    ck_assert(run(belt, 3, 7));
    ck_assert_int_eq(belt->emptied + belt->worked, 0);
    free(belt);
}
END_TEST

/* `empty` returns false: nothing further is emptied, and filling, which would go on without end, ends. */
START_TEST(emptying_can_end_it)
{
    static const int lasts[] = {0, 1, 77};
    struct belt *belt = belt_new(INT32_MAX, lasts[_i]);
    ck_assert(run(belt, 4, 9));
    ck_assert_int_eq(belt->emptied, lasts[_i] + 1);
    ck_assert_int_eq(belt->stopped, 1);
    ck_assert_int_le(belt->filled, lasts[_i] + 1 + 9);
    free(belt);
}
END_TEST

/* `fill` blocks on a pipe until `stop` writes to it. */
START_TEST(stop_wakes_what_fills)
{
    struct belt *belt = belt_new(10, 9);
    ck_assert_int_eq(pipe(belt->blocking), 0);
    ck_assert(run(belt, 2, 5));
    ck_assert_int_eq(belt->emptied, 10);
    close(belt->blocking[0]);
    close(belt->blocking[1]);
    free(belt);
}
END_TEST

START_TEST(stop_may_be_missing)
{
    struct belt *belt = belt_new(10, 4);
    belt->places = 5;
    const struct pipeline pipeline = {
        .subject = belt, .threads = 2, .places = 5, .fill = fill, .work = work, .empty = empty};
    ck_assert(pipeline_run(&pipeline));
    ck_assert_int_eq(belt->emptied, 5);
    free(belt);
}
END_TEST

/* Without a thread nothing is done. Root has no limit of threads, so the limit is that of memory for their stacks. */
START_TEST(without_a_thread_nothing_is_done)
{
    struct belt *belt = belt_new(10, -1);
    struct rlimit limit = {1, 1};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    const bool is_run = run(belt, 2, 5);
    ck_assert(!is_run);
    ck_assert_int_eq(belt->filled + belt->worked + belt->emptied + belt->stopped, 0);
    free(belt);
}
END_TEST

START_TEST(its_numbers_are_within_its_limits)
{
    ck_assert_uint_ge(pipeline_processors(), 1);
    ck_assert_uint_le(pipeline_processors(), PIPELINE_THREADS);
    ck_assert_uint_ge(pipeline_places(1), 3);
    ck_assert_uint_ge(pipeline_places(PIPELINE_THREADS), 2 * PIPELINE_THREADS + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pipeline");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, everything_comes_out_once_and_in_order, 0, (int)(sizeof(shapes) / sizeof(shapes[0])));
    tcase_add_test(tests, steps_run_in_their_threads);
    tcase_add_test(tests, nothing_comes_of_nothing);
    tcase_add_loop_test(tests, emptying_can_end_it, 0, 3);
    tcase_add_loop_test(tests, stop_wakes_what_fills, 0, 20);
    tcase_add_test(tests, stop_may_be_missing);
    if (!NEEDS_ADDRESSES)
        tcase_add_test(tests, without_a_thread_nothing_is_done);
    tcase_add_test(tests, its_numbers_are_within_its_limits);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
