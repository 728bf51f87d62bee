/* The HTTP server: what it answers to whom, the page, clients that do not behave, and where it listens. */
#include <arpa/inet.h>
#include <check.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/embedded/http_stage.h"
#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

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

/* ---- clients ---- */

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

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *pages = http_case(suite, "pages");
    tcase_add_test(pages, only_get_and_head_of_what_there_is);
    tcase_add_test(pages, the_version_is_told);
    tcase_add_test(pages, the_page_needs_nothing_from_outside);
    tcase_add_test(pages, a_client_that_says_nothing_does_not_block_another);
    tcase_add_test(pages, clients_that_never_end_their_requests_do_not_block_another);
    TCase *listening = tcase_create("listening");
    suite_add_tcase(suite, listening);
    tcase_add_test(listening, a_port_that_is_taken_is_refused);
    tcase_add_test(listening, nothing_listens_if_the_address_is_empty);
    tcase_add_test(listening, an_address_of_ipv6_stands_in_brackets);
    return side_by_side(suite, (const char *const[]){"pages", "listening", NULL});
}
