/* What the daemon tells about itself: the worker on the embedded broker, asked over HTTP as a scraper would. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/stop.h"
#include "tests/embedded/fixture.h"
#include "tests/embedded/side_by_side.h"
#include "worker/http/http.h"
#include "worker/metrics/metrics_read.h"

/* The mock cluster loses a consumer that joins the group once more because metadata came just while it was elected. */
#define CALM "kafka.consumer.topic.metadata.refresh.interval.ms=300000"

/* ---- a client ---- */

struct answer {
    int status;
    char *text; /* headers and body */
    const char *body;
};

static int connect_to(int family, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 address6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int connection = socket(family, SOCK_STREAM, 0);
    ck_assert_int_ge(connection, 0);
    int result = family == AF_INET ? connect(connection, (struct sockaddr *)&address, sizeof(address))
                                   : connect(connection, (struct sockaddr *)&address6, sizeof(address6));
    ck_assert_msg(result == 0, "connect: %s", strerror(errno));
    return connection;
}

/* Reads until the other end closes. */
static char *read_whole(int connection)
{
    size_t length = 0, capacity = 65536;
    char *text = malloc(capacity);
    ssize_t got;
    while ((got = read(connection, text + length, capacity - length - 1)) > 0) {
        length += (size_t)got;
        if (capacity - length < 2)
            text = realloc(text, capacity *= 2);
    }
    text[length] = '\0';
    return text;
}

static struct answer ask_family(int family, int port, const char *method, const char *path)
{
    char request[256];
    struct answer answer = {0};
    int connection = connect_to(family, port);
    int length =
        snprintf(request, sizeof(request),
                 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method, path);
    ck_assert_int_eq(write(connection, request, (size_t)length), length);
    answer.text = read_whole(connection);
    close(connection);
    ck_assert_msg(sscanf(answer.text, "HTTP/1.1 %d ", &answer.status) == 1, "%s", answer.text);
    answer.body = strstr(answer.text, "\r\n\r\n");
    ck_assert_ptr_nonnull(answer.body);
    answer.body += 4;
    return answer;
}

static struct http *http;

static struct answer ask(const char *method, const char *path)
{
    return ask_family(AF_INET, http_port(http), method, path);
}

static bool answer_has_header(const struct answer *answer, const char *header)
{
    const char *found = strcasestr(answer->text, header);
    return found && found < answer->body && found[-1] == '\n' && found[strlen(header)] == '\r';
}

/* The value of a sample as it stands in the metrics ("name{labels}"); -1 if there is none. */
static double metric(const char *sample)
{
    struct answer answer = ask("GET", "/metrics");
    char line[256];
    ck_assert_int_eq(answer.status, 200);
    snprintf(line, sizeof(line), "\nclient_intake_%s ", sample);
    const char *found = strstr(answer.body, line);
    double value = found ? strtod(found + strlen(line), NULL) : -1;
    free(answer.text);
    return value;
}

static void sleep_ms(int wait_ms)
{
    nanosleep(&(struct timespec){wait_ms / 1000, (wait_ms % 1000) * 1000000L}, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t deadline_ms(void)
{
    return now_ms() + FIXTURE_PATIENCE_MS;
}

static void wait_for_metric(const char *sample, double value)
{
    int waited = 0;
    double now;
    while ((now = metric(sample)) != value && waited < FIXTURE_PATIENCE_MS) {
        sleep_ms(50);
        waited += 50;
    }
    ck_assert_msg(now == value, "%s is %g, not %g", sample, now, value);
}

static void wait_for_metric_from(const char *sample, double least)
{
    int waited = 0;
    double now;
    while ((now = metric(sample)) < least && waited < FIXTURE_PATIENCE_MS) {
        sleep_ms(50);
        waited += 50;
    }
    ck_assert_msg(now >= least, "%s is %g, less than %g", sample, now, least);
}

/* Waits until /readyz answers so. `reason` NULL: that it is ready. */
static void wait_for_readiness(const char *reason)
{
    char wanted[256], last[256] = "";
    if (reason)
        snprintf(wanted, sizeof(wanted), "{\"ready\":false,\"reason\":\"%s\"}\n", reason);
    else
        snprintf(wanted, sizeof(wanted), "{\"ready\":true}\n");
    for (int waited = 0; waited < FIXTURE_PATIENCE_MS && strcmp(last, wanted) != 0; waited += 50) {
        struct answer answer = ask("GET", "/readyz");
        snprintf(last, sizeof(last), "%s", answer.body);
        ck_assert_int_eq(answer.status, strstr(last, "true") ? 200 : 503);
        free(answer.text);
        sleep_ms(50);
    }
    ck_assert_str_eq(last, wanted);
}

/* ---- fixture ---- */

static void serve_with(const char *mode, const char *const *settings)
{
    fixture_start(mode, settings);
    http = http_open(fixture.config);
    ck_assert_ptr_nonnull(http);
    size_t count;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &count);
    ck_assert(http_serve(http, metrics, count));
}

static void serve(const char *mode, const char *threads)
{
    const char *settings[] = {"http.listen=127.0.0.1:0", CALM, threads, NULL};
    serve_with(mode, settings);
}

static void close_all(void)
{
    http_close(http);
    fixture_close();
}

/* ---- the numbers ---- */

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
    for (int64_t until = deadline_ms(); least == 0 || sum != FIXTURE_PARTITIONS; sleep_ms(50)) {
        ck_assert_msg(now_ms() < until, "of %zu threads that show %zu partitions one shows %zu", count, sum, least);
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

/* ---- health ---- */

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
    for (int64_t until = deadline_ms(); !ready && now_ms() < until; refusals += !ready) {
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

/* ---- the protocol ---- */

static const struct request {
    const char *method, *path;
    int status;
    const char *header; /* that the answer must have */
} requests[] = {
    {"GET", "/", 200, "Content-Type: text/html; charset=utf-8"},
    {"GET", "/metrics", 200, "Content-Type: text/plain; version=0.0.4; charset=utf-8"},
    {"GET", "/metrics?name[]=x", 200, "Content-Type: text/plain; version=0.0.4; charset=utf-8"},
    {"GET", "/livez", 200, "Content-Type: application/json"},
    {"GET", "/readyz", 200, "Content-Type: application/json"},
    {"GET", "/version", 200, "Content-Type: application/json"},
    {"GET", "/version", 200, "Cache-Control: no-store"},
    {"GET", "/status.json", 200, "Content-Type: application/json"},
    {"HEAD", "/status.json", 200, "Content-Type: application/json"},
    {"POST", "/status.json", 405, "Allow: GET, HEAD"},
    {"GET", "/", 200, "X-Content-Type-Options: nosniff"},
    {"HEAD", "/", 200, "Content-Type: text/html; charset=utf-8"},
    {"HEAD", "/metrics", 200, "Content-Type: text/plain; version=0.0.4; charset=utf-8"},
    {"HEAD", "/nothing", 404, "Content-Type: application/json"},
    {"GET", "/nothing", 404, "Content-Type: application/json"},
    {"GET", "/metrics/", 404, "Content-Type: application/json"},
    {"GET", "/../etc/passwd", 404, "Content-Type: application/json"},
    {"POST", "/nothing", 404, "Content-Type: application/json"},
    {"POST", "/metrics", 405, "Allow: GET, HEAD"},
    {"PUT", "/", 405, "Allow: GET, HEAD"},
    {"DELETE", "/livez", 405, "Allow: GET, HEAD"},
    {"OPTIONS", "/metrics", 405, "Allow: GET, HEAD"},
    {"BREW", "/metrics", 405, "Allow: GET, HEAD"},
};

START_TEST(only_get_and_head_of_what_there_is)
{
    serve("at-least-once", "worker.threads=1");
    wait_for_readiness(NULL);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const struct request *row = &requests[i];
        struct answer answer = ask(row->method, row->path);
        ck_assert_msg(answer.status == row->status, "%s %s: %d %s", row->method, row->path, answer.status, answer.body);
        ck_assert_msg(answer_has_header(&answer, row->header), "%s %s: no %s in %s", row->method, row->path,
                      row->header, answer.text);
        bool is_head = strcmp(row->method, "HEAD") == 0;
        ck_assert_msg(is_head == (answer.body[0] == '\0'), "%s %s: body %s", row->method, row->path, answer.body);
        if (!is_head && answer_has_header(&answer, "Content-Type: application/json")) {
            json_t *json = json_loads(answer.body, JSON_REJECT_DUPLICATES, NULL);
            ck_assert_msg(json_is_object(json), "%s", answer.body);
            json_decref(json);
        }
        free(answer.text);
    }
}
END_TEST

START_TEST(the_version_is_told)
{
    serve("at-least-once", "worker.threads=1");
    struct answer answer = ask("GET", "/version");
    json_t *json = json_loads(answer.body, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "version")), CLIENT_INTAKE_VERSION);
    ck_assert_str_eq(json_string_value(json_object_get(json, "librdkafka")), rd_kafka_version_str());
    json_decref(json);
    free(answer.text);
    ck_assert_double_eq(metric("build_info{version=\"" CLIENT_INTAKE_VERSION "\"}"), 1);
}
END_TEST

/* The page must work where there is no way out: it may name no other host, and loads nothing but what stands beside it.
 */
START_TEST(the_page_needs_nothing_from_outside)
{
    serve("at-least-once", "worker.threads=1");
    struct answer answer = ask("GET", "/");
    static const char *const outside[] = {"http:", "https:", "src=", "@import", "url(", "//cdn"};
    static const char svg[] = "http://www.w3.org/2000/svg"; /* a name, which is not fetched */
    char *name = strstr(answer.text, svg);
    ck_assert_ptr_nonnull(name);
    memset(name, ' ', strlen(svg));
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        ck_assert_msg(strstr(answer.body, outside[i]) == NULL, "the page holds %s", outside[i]);
    ck_assert_ptr_nonnull(strstr(answer.text, "connect-src 'self'"));
    ck_assert_ptr_null(strstr(answer.text, "unsafe-inline"));
    static const char *const shown[] = {"status.json", "readyz", "</html>"};
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        ck_assert_msg(strstr(answer.body, shown[i]) != NULL, "the page holds no %s", shown[i]);
    static const char *const markup[] = {"innerHTML",      "outerHTML", "insertAdjacentHTML",
                                         "document.write", " style=",   " onclick="};
    for (size_t i = 0; i < sizeof(markup) / sizeof(markup[0]); i++)
        ck_assert_msg(strstr(answer.body, markup[i]) == NULL, "the page holds %s", markup[i]);
    ck_assert_uint_lt(strlen(answer.body), 32768);
    free(answer.text);
}
END_TEST

START_TEST(a_client_that_says_nothing_does_not_block_another)
{
    serve("at-least-once", "worker.threads=1");
    int silent[20];
    for (size_t i = 0; i < 20; i++)
        silent[i] = connect_to(AF_INET, http_port(http));
    ck_assert_int_eq(write(silent[0], "GET /met", 8), 8);
    wait_for_readiness(NULL);
    for (size_t i = 0; i < 20; i++)
        close(silent[i]);
}
END_TEST

/* More clients than the server takes at once. All begin a request, and none ends it. */
#define SLOW_CLIENTS 200

struct slow {
    int sockets[SLOW_CLIENTS];
    atomic_bool ends;
};

static void *send_slowly(void *argument)
{
    struct slow *slow = argument;
    for (; !atomic_load(&slow->ends); sleep_ms(100))
        for (size_t i = 0; i < SLOW_CLIENTS; i++)
            send(slow->sockets[i], "X: y\r\n", 6, MSG_NOSIGNAL);
    return NULL;
}

START_TEST(clients_that_never_end_their_requests_do_not_block_another)
{
    static const char begin[] = "GET /metrics HTTP/1.1\r\nHost: slow\r\n";
    struct slow slow = {.ends = false};
    pthread_t sender;
    serve("at-least-once", "worker.threads=1");
    for (size_t i = 0; i < SLOW_CLIENTS; i++) {
        slow.sockets[i] = connect_to(AF_INET, http_port(http));
        send(slow.sockets[i], begin, strlen(begin), MSG_NOSIGNAL);
    }
    ck_assert_int_eq(pthread_create(&sender, NULL, send_slowly, &slow), 0);
    for (int i = 0; i < 10; i++) {
        struct answer live = ask("GET", "/livez");
        ck_assert_int_eq(live.status, 200);
        free(live.text);
    }
    wait_for_readiness(NULL);
    atomic_store(&slow.ends, true);
    pthread_join(sender, NULL);
    for (size_t i = 0; i < SLOW_CLIENTS; i++)
        close(slow.sockets[i]);
}
END_TEST

/* ---- listening ---- */

static struct config *listening_at(const char *address)
{
    char setting[128];
    snprintf(setting, sizeof(setting), "http.listen=%s", address);
    const char *settings[] = {setting, "log.level=error", NULL};
    struct config *config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(config->log.level);
    return config;
}

START_TEST(a_port_that_is_taken_is_refused)
{
    struct config *any = listening_at("127.0.0.1:0");
    struct http *first = http_open(any);
    ck_assert_ptr_nonnull(first);
    ck_assert_int_gt(http_port(first), 0);
    char address[32];
    snprintf(address, sizeof(address), "127.0.0.1:%d", http_port(first));
    struct config *same = listening_at(address);
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* where the reason goes */
    ck_assert_ptr_null(http_open(same));
    http_close(first);
    struct http *second = http_open(same);
    ck_assert_ptr_nonnull(second);
    http_close(second);
    config_free(same);
    config_free(any);
}
END_TEST

START_TEST(nothing_listens_if_the_address_is_empty)
{
    struct config *config = listening_at("");
    struct http *off = http_open(config);
    ck_assert_ptr_nonnull(off);
    ck_assert_int_eq(http_port(off), 0);
    ck_assert(http_serve(off, NULL, 0));
    http_close(off);
    config_free(config);
}
END_TEST

START_TEST(an_address_of_ipv6_stands_in_brackets)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int field_fixture = socket(AF_INET6, SOCK_STREAM, 0);
    bool possible = field_fixture >= 0 && bind(field_fixture, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;
    if (field_fixture >= 0)
        close(field_fixture);
    if (!possible)
        return; /* a machine without IPv6 */
    struct config *config = listening_at("[::1]:0");
    struct http *six = http_open(config);
    struct metrics *metrics = metrics_new();
    ck_assert_ptr_nonnull(six);
    ck_assert(http_serve(six, &metrics, 1));
    struct answer answer = ask_family(AF_INET6, http_port(six), "GET", "/version");
    ck_assert_int_eq(answer.status, 200);
    free(answer.text);
    http_close(six);
    metrics_free(metrics);
    config_free(config);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 240);
    tcase_add_checked_fixture(tcase, fixture_open, close_all);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *counts = add_case(suite, "counts");
    tcase_add_test(counts, every_command_is_counted_by_its_result);
    tcase_add_test(counts, refused_dead_letters_are_counted_apart);
    tcase_add_test(counts, transactions_are_counted_by_how_they_ended);
    TCase *levels = add_case(suite, "levels");
    tcase_add_test(levels, lag_is_what_has_no_answer_even_while_nothing_is_fetched);
    tcase_add_test(levels, partitions_that_wait_for_definitions_are_shown);
    TCase *readiness = add_case(suite, "readiness");
    tcase_add_test(readiness, it_is_ready_while_it_has_redis_and_not_while_draining);
    tcase_add_test(readiness, it_is_not_ready_on_an_empty_redis_before_that_was_rebuilt);
    tcase_add_test(readiness, it_is_not_ready_while_kafka_is_away);
    TCase *pages = add_case(suite, "pages");
    tcase_add_test(pages, only_get_and_head_of_what_there_is);
    tcase_add_test(pages, the_version_is_told);
    tcase_add_test(pages, the_page_needs_nothing_from_outside);
    tcase_add_test(pages, a_client_that_says_nothing_does_not_block_another);
    tcase_add_test(pages, clients_that_never_end_their_requests_do_not_block_another);
    TCase *listening = tcase_create("listening");
    tcase_add_test(listening, a_port_that_is_taken_is_refused);
    tcase_add_test(listening, nothing_listens_if_the_address_is_empty);
    tcase_add_test(listening, an_address_of_ipv6_stands_in_brackets);
    suite_add_tcase(suite, listening);
    return side_by_side(suite, (const char *const[]){"counts", "levels", "readiness", "pages", "listening", NULL});
}
