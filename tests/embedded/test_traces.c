/* Traces of the flow on the embedded broker: what a receiver gets, and that replies do not wait for it.
 * tests/live/traces.sh has a stricter receiver, and more of what one can do. */
#include <arpa/inet.h>
#include <check.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/stop.h"
#include "tests/embedded/fixture.h"
#include "tests/embedded/side_by_side.h"
#include "worker/metrics/thread_board.h"

/* ---- a receiver of OTLP/HTTP, which keeps the spans ---- */

static struct receiver {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    json_t *spans;
    _Atomic bool hangs;
    _Atomic unsigned requests;
    char endpoint[64]; /* a setting */
} receiver;

struct body {
    char *bytes;
    size_t length;
};

static void keep_spans(const struct body *body)
{
    json_error_t error;
    json_t *root = json_loadb(body->bytes, body->length, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s at %d of %.*s", error.text, error.position, (int)body->length, body->bytes);
    const json_t *resource = json_array_get(json_object_get(root, "resourceSpans"), 0);
    json_t *spans = json_object_get(json_array_get(json_object_get(resource, "scopeSpans"), 0), "spans");
    pthread_mutex_lock(&receiver.lock);
    ck_assert_int_eq(json_array_extend(receiver.spans, spans), 0);
    pthread_mutex_unlock(&receiver.lock);
    json_decref(root);
}

static enum MHD_Result on_request(void *opaque, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **context)
{
    struct body *body = *context;
    (void)opaque;
    (void)version;
    if (!body) {
        ck_assert_str_eq(path, "/v1/traces");
        ck_assert_str_eq(method, "POST");
        return (*context = calloc(1, sizeof(*body))) ? MHD_YES : MHD_NO;
    }
    if (*upload_size > 0) {
        body->bytes = realloc(body->bytes, body->length + *upload_size);
        ck_assert_ptr_nonnull(body->bytes);
        memcpy(body->bytes + body->length, upload, *upload_size);
        body->length += *upload_size;
        *upload_size = 0;
        return MHD_YES;
    }
    receiver.requests++;
    while (receiver.hangs)
        clock_sleep(20);
    keep_spans(body);
    struct MHD_Response *response = MHD_create_response_from_buffer(2, "{}", MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static void on_completed(void *opaque, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct body *body = *context;
    (void)opaque;
    (void)connection;
    (void)code;
    if (body)
        free(body->bytes);
    free(body);
}

static void open_all(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_mutex_init(&receiver.lock, NULL);
    receiver.spans = json_array();
    receiver.daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, NULL,
                                       MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                                       MHD_OPTION_END);
    ck_assert_ptr_nonnull(receiver.daemon);
    snprintf(receiver.endpoint, sizeof(receiver.endpoint), "tracing.endpoint=http://127.0.0.1:%u",
             MHD_get_daemon_info(receiver.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fixture_open();
}

static void close_all(void)
{
    fixture_close();
    receiver.hangs = false;
    MHD_stop_daemon(receiver.daemon);
    json_decref(receiver.spans);
}

/* ---- what it has ---- */

/* The value of an attribute as text, "-" if there is none. */
static const char *attribute(const json_t *owner, const char *key)
{
    size_t index;
    json_t *entry;
    json_array_foreach(json_object_get(owner, "attributes"), index, entry)
    {
        json_t *value = json_object_get(entry, "value");
        if (strcmp(json_string_value(json_object_get(entry, "key")), key) == 0)
            return json_string_value(json_object_iter_value(json_object_iter(value)));
    }
    return "-";
}

static unsigned links_of(int32_t partition, int64_t offset, const char *parent)
{
    unsigned found = 0;
    size_t i, j;
    json_t *span, *link;
    json_array_foreach(receiver.spans, i, span) json_array_foreach(json_object_get(span, "links"), j, link)
    {
        const char *of = attribute(link, "messaging.destination.partition.id");
        const char *at = attribute(link, "messaging.kafka.offset");
        if (atoi(*of == '-' ? attribute(span, "messaging.destination.partition.id") : of) == partition &&
            atoll(*at == '-' ? attribute(span, "messaging.kafka.offset") : at) == offset &&
            strcmp(json_string_value(json_object_get(link, "spanId")), parent) == 0)
            found++;
    }
    return found;
}

static size_t count_links(void)
{
    size_t count = 0, index;
    json_t *span;
    pthread_mutex_lock(&receiver.lock);
    json_array_foreach(receiver.spans, index, span) count += json_array_size(json_object_get(span, "links"));
    pthread_mutex_unlock(&receiver.lock);
    return count;
}

static void wait_for_links(size_t count)
{
    const int64_t limit_ms = clock_now_ms() + FIXTURE_PATIENCE_MS;
    while (count_links() < count) {
        ck_assert_int_lt(clock_now_ms(), limit_ms);
        clock_sleep(20);
    }
    ck_assert_uint_eq(count_links(), count);
}

/* ---- commands ---- */

/* A valid command of a workspace, with this `traceparent` or with none. */
static void send_command_of(const char *workspace, int32_t partition, int number, const char *traceparent)
{
    char text[256];
    rd_kafka_headers_t *headers = traceparent ? rd_kafka_headers_new(1) : NULL;
    if (traceparent)
        rd_kafka_header_add(headers, "traceparent", -1, traceparent, -1);
    int length = snprintf(text, sizeof(text),
                          "{\"commandId\":\"c-%d\",\"workspaceId\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\","
                          "\"email\":\"c-%d@example.com\",\"customFields\":{\"pronouns\":\"she\"}}",
                          number, workspace, number);
    fixture_send(partition, span_of_text(workspace), span_of(text, (size_t)length), headers);
}

static void send_command(int32_t partition, int number, const char *traceparent)
{
    send_command_of("acme", partition, number, traceparent);
}

static void parent_of(int number, const char *flags, char text[64])
{
    snprintf(text, 64, "00-%032x-%016x-%s", number + 1, number + 1, flags);
}

static void start(const char *setting, const char *further)
{
    fixture_start("exactly-once", (const char *const[]){receiver.endpoint, setting, further, NULL});
}

static struct metrics *metrics_of_worker(void)
{
    size_t threads;
    return workers_metrics(fixture.workers, &threads)[0];
}

static void wait_until_created(uint64_t commands)
{
    const int64_t limit_ms = clock_now_ms() + FIXTURE_PATIENCE_MS;
    while (metrics_get(metrics_of_worker(), METRIC_COMMANDS, OUTCOME_CREATED) < commands) {
        ck_assert_int_lt(clock_now_ms(), limit_ms);
        clock_sleep(20);
    }
}

/* How many values the histogram `sample` of Prometheus' text has. */
static uint64_t written_count(const char *sample)
{
    struct metrics *metrics = metrics_of_worker();
    char *text = NULL, line[128];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    metrics_write(out, &metrics, 1);
    ck_assert_int_eq(fclose(out), 0);
    snprintf(line, sizeof(line), "\nclient_intake_%s ", sample);
    const char *found = strstr(text, line);
    ck_assert_msg(found != NULL, "no %s", sample);
    const uint64_t count = strtoull(found + strlen(line), NULL, 10);
    free(text);
    return count;
}

static void check_batches(uint64_t count)
{
    ck_assert_uint_eq(written_count("batch_commands_count"), count);
    ck_assert_uint_eq(written_count("batch_seconds_count{stage=\"commit\"}"), count);
    ck_assert_uint_eq(json_array_size(receiver.spans), count * (1 + BATCH_STAGES));
}

/* ---- tests ---- */

START_TEST(each_sampled_parent_is_linked_once)
{
    char traceparent[64], parent[32];
    for (int number = 0; number < 60; number++) {
        parent_of(number, number % 3 == 0 ? "01" : "00", traceparent);
        send_command(number % FIXTURE_PARTITIONS, number, number % 3 == 2 ? NULL : traceparent);
    }
    start("tracing.links=1000", NULL);
    wait_for_links(20);
    for (int number = 0; number < 60; number += 3) { /* they are all in partition 0 */
        snprintf(parent, sizeof(parent), "%016x", number + 1);
        ck_assert_uint_eq(links_of(0, number / FIXTURE_PARTITIONS, parent), 1);
    }
    wait_until_created(60);
    fixture_stop();
}
END_TEST

START_TEST(commands_without_a_sampled_parent_have_no_trace)
{
    char traceparent[64];
    start(NULL, NULL);
    for (int number = 0; number < 30; number++) {
        parent_of(number, "00", traceparent);
        send_command(0, number, number % 2 == 0 ? traceparent : "00-nonsense");
    }
    wait_until_created(30);
    parent_of(30, "01", traceparent);
    send_command(0, 30, traceparent);
    wait_for_links(1); /* what came before would be here by now */
    ck_assert_uint_eq(json_array_size(receiver.spans), 1 + BATCH_STAGES);
    fixture_stop();
}
END_TEST

START_TEST(replies_do_not_wait_for_a_receiver_that_hangs)
{
    char traceparent[64];
    receiver.hangs = true;
    start("tracing.queue=64", "batch.commands=10");
    for (int number = 0; number < 500; number++) {
        parent_of(number, "01", traceparent);
        send_command(number % FIXTURE_PARTITIONS, number, traceparent);
        if (number == 0)
            wait_until_created(1);
    }
    wait_until_created(500);
    ck_assert_uint_eq(count_links(), 0);
    ck_assert_uint_gt(metrics_get(metrics_of_worker(), METRIC_SPANS, SPAN_QUEUE_FULL), 100);
    fixture_stop(); /* in time, and it drops what is left */
}
END_TEST

/* The batch that waits for Redis ends with the process. Its trace says so, and is sent at the end. */
START_TEST(a_batch_that_is_stopped_says_so_in_its_trace)
{
    char traceparent[64];
    start(NULL, NULL);
    parent_of(0, "01", traceparent);
    send_command(0, 0, traceparent);
    wait_for_links(1);
    fixture_end_redis();
    parent_of(1, "01", traceparent);
    send_command(0, 1, traceparent);
    const int64_t limit_ms = clock_now_ms() + FIXTURE_PATIENCE_MS;
    while (thread_board_state(metrics_board(metrics_of_worker())) != WORKER_IN_BATCH) {
        ck_assert_int_lt(clock_now_ms(), limit_ms);
        clock_sleep(20);
    }
    stop_request();
    ck_assert(workers_wait(fixture.workers, FIXTURE_PATIENCE_MS));
    ck_assert(workers_end_traces(fixture.workers, FIXTURE_PATIENCE_MS, FIXTURE_PATIENCE_MS));
    wait_for_links(2);
    const json_t *batch = json_array_get(receiver.spans, 1 + BATCH_STAGES);
    ck_assert_str_eq(attribute(batch, "error.type"), "stopped");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(batch, "status"), "code")), 2);
    const json_t *last = json_array_get(receiver.spans, json_array_size(receiver.spans) - 1);
    ck_assert_str_eq(attribute(last, "error.type"), "not_completed");
    fixture_stop();
}
END_TEST

/* A command that waits for its definitions is tried again and again. Only the batch that answers it tells of it. */
START_TEST(a_batch_is_told_by_what_it_answers)
{
    char traceparent[64];
    for (int number = 0; number < 2; number++) {
        parent_of(number, "01", traceparent);
        send_command_of(number == 0 ? "later" : "acme", number, number, traceparent);
    }
    start("definitions.on_missing=wait", "definitions.wait=120s");
    wait_for_links(1);
    clock_sleep(1500); /* it is tried several times */
    wait_for_links(1);
    check_batches(1);
    ck_assert_uint_eq(links_of(1, 0, "0000000000000002"), 1);
    const json_t *batch = json_array_get(receiver.spans, 0);
    ck_assert_str_eq(attribute(batch, "messaging.batch.message_count"), "-");
    ck_assert_str_eq(attribute(batch, "messaging.destination.partition.id"), "1");
    ck_assert_str_eq(attribute(batch, "client_intake.commands.created"), "1");
    fixture_define("later");
    wait_for_links(2);
    check_batches(2);
    ck_assert_uint_eq(links_of(0, 0, "0000000000000001"), 1);
    wait_until_created(2);
    fixture_stop();
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("traces on the embedded broker");
    add_case(suite, "links", each_sampled_parent_is_linked_once);
    add_case(suite, "none", commands_without_a_sampled_parent_have_no_trace);
    add_case(suite, "hanging", replies_do_not_wait_for_a_receiver_that_hangs);
    add_case(suite, "stopped", a_batch_that_is_stopped_says_so_in_its_trace);
    add_case(suite, "waiting", a_batch_is_told_by_what_it_answers);
    return side_by_side(suite, (const char *const[]){"links", "none", "hanging", "stopped", "waiting", NULL});
}
