#include "tests/embedded/http_stage.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/embedded/worker_stage.h"

struct http *http;

void serve_with(const char *mode, const char *const *settings)
{
    fixture_start(mode, settings);
    http = http_open(fixture.config);
    ck_assert_ptr_nonnull(http);
    size_t count;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &count);
    ck_assert(http_serve(http, metrics, count));
}

void serve(const char *mode, const char *setting)
{
    const char *settings[] = {"http.listen=127.0.0.1:0", CALM, SHORT_SESSION, setting, NULL};
    serve_with(mode, settings);
}

static void close_all(void)
{
    http_close(http);
    fixture_close();
}

TCase *http_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 240);
    tcase_add_checked_fixture(tcase, fixture_open, close_all);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int connect_to(int family, int port)
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

struct answer ask_family(int family, int port, const char *method, const char *path)
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

struct answer ask(const char *method, const char *path)
{
    return ask_family(AF_INET, http_port(http), method, path);
}

bool answer_has_header(const struct answer *answer, const char *header)
{
    const char *found = strcasestr(answer->text, header);
    return found && found < answer->body && found[-1] == '\n' && found[strlen(header)] == '\r';
}

double metric(const char *sample)
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

void wait_for_metric(const char *sample, double value)
{
    int waited = 0;
    double now;
    while ((now = metric(sample)) != value && waited < FIXTURE_PATIENCE_MS) {
        sleep_ms(50);
        waited += 50;
    }
    ck_assert_msg(now == value, "%s is %g, not %g", sample, now, value);
}

void wait_for_metric_from(const char *sample, double least)
{
    int waited = 0;
    double now;
    while ((now = metric(sample)) < least && waited < FIXTURE_PATIENCE_MS) {
        sleep_ms(50);
        waited += 50;
    }
    ck_assert_msg(now >= least, "%s is %g, less than %g", sample, now, least);
}

void wait_for_readiness(const char *reason)
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
