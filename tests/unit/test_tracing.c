/* tracing: putting a trace never waits, whatever the receiver does, and the end is bounded. The receiver of these tests
 * accepts connections and never answers, or is not there. */
#include "tests/unit/evaluating.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/tracing/batch_trace.h"

#define SPANS_MOST    64
#define PATIENCE_MS   60000
#define NOTHING_TAKES 1000 /* longer than anything that does not wait */

static struct config *config;
static struct tracing *tracing;
static int listener;

/* A socket whose connections the system accepts, and nothing reads. */
static int listen_silently(char *endpoint, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(made, 0);
    ck_assert_int_eq(bind(made, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(made, 16), 0);
    ck_assert_int_eq(getsockname(made, (struct sockaddr *)&address, &length), 0);
    snprintf(endpoint, size, "tracing.endpoint=http://127.0.0.1:%d", ntohs(address.sin_port));
    return made;
}

static void open_with(const char *endpoint)
{
    const char *const settings[] = {endpoint, "tracing.queue=64", "tracing.links=2", NULL};
    log_set_level(LOG_LEVEL_ERROR);
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    ck_assert(tracing_open(config, &tracing));
}

static void open_hanging(void)
{
    char endpoint[64];
    listener = listen_silently(endpoint, sizeof(endpoint));
    open_with(endpoint);
}

static void open_away(void)
{
    char endpoint[64];
    close(listen_silently(endpoint, sizeof(endpoint)));
    open_with(endpoint);
}

static void end_within(int64_t within_ms)
{
    struct timespec deadline = clock_time(clock_now_ms() + PATIENCE_MS);
    tracing_finish(tracing, within_ms);
    ck_assert(tracing_end(tracing, &deadline));
}

static void close_all(void)
{
    end_within(0);
    tracing_free(tracing);
    config_free(config);
    if (listener > 0)
        close(listener);
}

static uint64_t counted(void)
{
    uint64_t sum = 0;
    for (unsigned result = 0; result < SPAN_RESULTS; result++)
        sum += tracing_count(tracing, (enum span_result)result);
    return sum;
}

static void put_many(unsigned count)
{
    const struct trace trace = {.commands = 1, .stage_count = 3};
    for (unsigned i = 0; i < count; i++)
        tracing_put(tracing, &trace);
}

START_TEST(without_an_endpoint_there_is_nothing)
{
    open_with("tracing.endpoint=");
    ck_assert_ptr_null(tracing);
    end_within(0);
    tracing_free(tracing);
    config_free(config);
}
END_TEST

START_TEST(a_full_queue_drops_and_counts)
{
    const int64_t began_ms = clock_now_ms();
    put_many(10000);
    ck_assert_int_lt(clock_now_ms() - began_ms, NOTHING_TAKES);
    /* At most a request is under way, and a queue is full. */
    ck_assert_uint_ge(tracing_count(tracing, SPAN_QUEUE_FULL), 4 * 10000 - 2 * SPANS_MOST);
    end_within(0);
    ck_assert_uint_eq(counted(), 4 * 10000);
    ck_assert_uint_eq(tracing_count(tracing, SPAN_SENT), 0);
    ck_assert_uint_gt(tracing_count(tracing, SPAN_UNSENT), 0);
}
END_TEST

START_TEST(the_end_is_bounded)
{
    put_many(2);
    const int64_t began_ms = clock_now_ms();
    end_within(300);
    ck_assert_int_lt(clock_now_ms() - began_ms, 300 + NOTHING_TAKES);
    ck_assert_uint_eq(tracing_count(tracing, SPAN_UNSENT), 8);
}
END_TEST

START_TEST(a_later_call_ends_it_sooner)
{
    struct timespec soon = clock_time(clock_now_ms() + 100);
    put_many(2);
    tracing_finish(tracing, PATIENCE_MS);
    ck_assert(!tracing_end(tracing, &soon) || _i == 1); /* away: the next try would be after a second */
    const int64_t began_ms = clock_now_ms();
    end_within(0);
    ck_assert_int_lt(clock_now_ms() - began_ms, NOTHING_TAKES);
}
END_TEST

/* ---- what a batch notes ---- */

#define PARENT(last) "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b" last

static struct item item_with(struct header *header, const char *parent)
{
    *header = (struct header){SPAN("traceparent"), parent ? span_of_text(parent) : SPAN_NONE};
    return (struct item){.headers = header, .header_count = 1, .outcome = OUTCOME_CREATED};
}

/* Passes a batch with these parents, and returns the spans that it gave. */
static uint64_t spans_of_batch(const char *const *parents, uint32_t count)
{
    struct header headers[8];
    struct item items[8];
    struct batch batch = {.items = items, .count = count};
    struct batch_trace *notes = batch_trace_new(tracing, 0);
    const uint64_t before = tracing_count(tracing, SPAN_QUEUE_FULL);
    ck_assert_ptr_nonnull(notes);
    for (uint32_t i = 0; i < count; i++)
        items[i] = item_with(&headers[i], parents[i]);
    batch_trace_begin(notes, &batch, 1);
    for (unsigned stage = 0; stage < BATCH_STAGES; stage++)
        batch_trace_stage(notes, (enum batch_stage)stage, 1, 2, false);
    batch_trace_end(notes, &batch, TRACE_COMMITTED, 3);
    batch_trace_free(notes);
    return tracing_count(tracing, SPAN_QUEUE_FULL) - before;
}

/* The thread sends, and takes nothing out of the queue meanwhile. */
static void fill_queue(void)
{
    struct pollfd connection = {.fd = listener, .events = POLLIN};
    put_many(1);
    ck_assert_int_eq(poll(&connection, 1, PATIENCE_MS), 1);
    put_many(1000);
}

/* The queue is full, so its count shows what a batch gives. */
START_TEST(a_batch_has_a_trace_if_a_parent_is_sampled)
{
    fill_queue();
    ck_assert_uint_eq(spans_of_batch((const char *const[]){PARENT("7-01")}, 1), 1 + BATCH_STAGES);
    ck_assert_uint_eq(spans_of_batch((const char *const[]){NULL, PARENT("7-00"), PARENT("8-03")}, 3), 1 + BATCH_STAGES);
    ck_assert_uint_eq(spans_of_batch((const char *const[]){PARENT("7-01"), PARENT("8-01"), PARENT("9-01")}, 3),
                      1 + BATCH_STAGES); /* a link more than fits */
    ck_assert_uint_eq(spans_of_batch((const char *const[]){NULL}, 1), 0);
    ck_assert_uint_eq(spans_of_batch((const char *const[]){PARENT("7-00"), PARENT("7-02"), "", "x"}, 4), 0);
}
END_TEST

START_TEST(a_batch_that_is_evaluated_again_and_again_has_a_bounded_trace)
{
    struct header header;
    struct item item = item_with(&header, PARENT("7-01"));
    struct batch batch = {.items = &item, .count = 1};
    struct batch_trace *notes = batch_trace_new(tracing, 0);
    fill_queue();
    const uint64_t before = tracing_count(tracing, SPAN_QUEUE_FULL);
    batch_trace_begin(notes, &batch, 1);
    for (int i = 0; i < 1000; i++)
        batch_trace_stage(notes, STAGE_CHECK, 1, 2, true);
    batch_trace_end(notes, NULL, TRACE_STOPPED, 3);
    ck_assert_uint_eq(tracing_count(tracing, SPAN_QUEUE_FULL) - before, 1 + TRACE_STAGES);
    /* It has ended: the next end is of no batch. */
    batch_trace_end(notes, NULL, TRACE_STOPPED, 3);
    ck_assert_uint_eq(tracing_count(tracing, SPAN_QUEUE_FULL) - before, 1 + TRACE_STAGES);
    batch_trace_free(notes);
}
END_TEST

/* ---- a batch of which some was put off ---- */

enum { OURS, PUT_OFF };

/* The spans of a batch whose commands all have a sampled parent, and end with these custodies. */
static uint64_t spans_of_ended(const int *put_off, uint32_t count, enum trace_end end)
{
    struct header headers[8];
    struct item items[8];
    struct batch batch = {.items = items, .count = count};
    struct batch_trace *notes = batch_trace_new(tracing, 0);
    const uint64_t before = tracing_count(tracing, SPAN_QUEUE_FULL);
    ck_assert_ptr_nonnull(notes);
    for (uint32_t i = 0; i < count; i++)
        items[i] = item_with(&headers[i], PARENT("7-01"));
    batch_trace_begin(notes, &batch, 1);
    batch_trace_stage(notes, STAGE_CHECK, 1, 2, false);
    for (uint32_t i = 0; i < count; i++)
        items[i].custody = put_off[i] ? CUSTODY_POSTPONED : CUSTODY_OURS;
    batch_trace_end(notes, &batch, end, 3);
    batch_trace_free(notes);
    return tracing_count(tracing, SPAN_QUEUE_FULL) - before;
}

START_TEST(a_batch_that_answers_nothing_has_no_trace)
{
    fill_queue();
    ck_assert_uint_eq(spans_of_ended((const int[]){PUT_OFF}, 1, TRACE_COMMITTED), 0);
    ck_assert_uint_eq(spans_of_ended((const int[]){PUT_OFF, PUT_OFF, PUT_OFF}, 3, TRACE_COMMITTED), 0);
    ck_assert_uint_eq(spans_of_ended((const int[]){PUT_OFF, PUT_OFF, OURS}, 3, TRACE_COMMITTED), 2);
    ck_assert_uint_eq(spans_of_ended((const int[]){OURS, PUT_OFF}, 2, TRACE_COMMITTED), 2);
    ck_assert_uint_eq(spans_of_ended((const int[]){PUT_OFF, PUT_OFF}, 2, TRACE_STOPPED), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tracing");
    TCase *off = tcase_create("off"), *hanging = tcase_create("hanging"), *away = tcase_create("away");
    tcase_add_test(off, without_an_endpoint_there_is_nothing);
    tcase_add_checked_fixture(hanging, open_hanging, close_all);
    tcase_set_timeout(hanging, 120);
    tcase_add_test(hanging, a_full_queue_drops_and_counts);
    tcase_add_test(hanging, the_end_is_bounded);
    tcase_add_loop_test(hanging, a_later_call_ends_it_sooner, 0, 1);
    tcase_add_test(hanging, a_batch_has_a_trace_if_a_parent_is_sampled);
    tcase_add_test(hanging, a_batch_that_is_evaluated_again_and_again_has_a_bounded_trace);
    tcase_add_test(hanging, a_batch_that_answers_nothing_has_no_trace);
    tcase_add_checked_fixture(away, open_away, close_all);
    tcase_set_timeout(away, 120);
    tcase_add_test(away, a_full_queue_drops_and_counts);
    tcase_add_test(away, the_end_is_bounded);
    tcase_add_loop_test(away, a_later_call_ends_it_sooner, 1, 2);
    suite_add_tcase(suite, off);
    suite_add_tcase(suite, hanging);
    suite_add_tcase(suite, away);
    return run_suite(suite);
}
