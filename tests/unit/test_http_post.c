/* http_post: no server holds a request up for longer than its timeout, whether by its name, by silence or by an answer
 * without an end. */
#include "tests/unit/evaluating.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/tracing/http_post.h"

#define MIB         ((size_t)1 << 20)
#define SLOW_NAME   "slow.test"
#define SLOW_MS     20000 /* of the name server */
#define TIMEOUT_MS  300
#define PATIENCE_MS 60000
#define SOON_MS     5000 /* on a busy machine, too */

/* In place of the C library's: the name server of one name is slow. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    union {
        void *object;
        int (*call)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    } real = {.object = dlsym(RTLD_NEXT, "getaddrinfo")};
    if (node && strcmp(node, SLOW_NAME) == 0) {
        clock_sleep(SLOW_MS);
        return EAI_AGAIN;
    }
    return real.call(node, service, hints, found);
}

/* ---- a server that answers each request with this status, and with a body that has no end ---- */

static struct endless {
    int listener;
    const char *status;
    char url[64];
    _Atomic size_t sent; /* bytes of bodies */
    _Atomic unsigned requests;
    pthread_t thread;
} endless;

static bool send_all(int connection, const char *bytes, size_t length)
{
    for (ssize_t sent; length > 0; bytes += sent, length -= (size_t)sent)
        if ((sent = send(connection, bytes, length, MSG_NOSIGNAL)) <= 0)
            return false;
    return true;
}

static void answer_without_end(int connection)
{
    static char chunk[65536];
    char request[4096], head[256];
    memset(chunk, 'x', sizeof(chunk));
    const ssize_t length = recv(connection, request, sizeof(request), 0); /* it is small, and comes at once */
    if (length <= 0)
        return;
    endless.requests++;
    snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nTransfer-Encoding: chunked\r\n\r\n", endless.status);
    bool ok = send_all(connection, head, strlen(head));
    while (ok) {
        ok = send_all(connection, "10000\r\n", 7) && send_all(connection, chunk, sizeof(chunk)) &&
             send_all(connection, "\r\n", 2);
        endless.sent += ok ? sizeof(chunk) : 0;
    }
}

static void *serve(void *unused)
{
    (void)unused;
    for (int connection; (connection = accept4(endless.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(connection))
        answer_without_end(connection);
    return NULL;
}

static void endless_start(const char *status)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    endless.status = status;
    endless.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(endless.listener, 0);
    ck_assert_int_eq(bind(endless.listener, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(endless.listener, 4), 0);
    ck_assert_int_eq(getsockname(endless.listener, (struct sockaddr *)&address, &length), 0);
    snprintf(endless.url, sizeof(endless.url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
    ck_assert_int_eq(pthread_create(&endless.thread, NULL, serve, NULL), 0);
}

static void endless_stop(void)
{
    shutdown(endless.listener, SHUT_RDWR);
    pthread_join(endless.thread, NULL);
    close(endless.listener);
}

/* ---- tests ---- */

static int64_t no_deadline(void *context)
{
    (void)context;
    return INT64_MAX;
}

static struct http_post *opened(const char *url, int64_t timeout_ms)
{
    struct http_post *post = http_post_open(url, &(struct text_list){0}, "", timeout_ms);
    ck_assert_ptr_nonnull(post);
    return post;
}

static struct http_answer sent(struct http_post *post)
{
    return http_post_send(post, SPAN("{}"), no_deadline, NULL);
}

START_TEST(a_slow_name_server_takes_no_longer_than_the_timeout)
{
    const int64_t began_ms = clock_now_ms();
    struct http_post *post = opened("http://" SLOW_NAME ":4318/v1/traces", TIMEOUT_MS);
    for (int i = 0; i < 2; i++) {
        const struct http_answer answer = sent(post);
        ck_assert_int_eq(answer.status, 0);
        ck_assert_ptr_nonnull(strstr(answer.error, "timed out"));
    }
    http_post_close(post);
    ck_assert_int_ge(clock_now_ms() - began_ms, 2 * TIMEOUT_MS - 10);
    ck_assert_int_lt(clock_now_ms() - began_ms, 2 * TIMEOUT_MS + SOON_MS);
}
END_TEST

/* The status counts: a request that was accepted is not sent again. */
START_TEST(an_answer_without_an_end_is_an_answer)
{
    static const char *const statuses[] = {"200 OK", "400 Bad Request", "503 Service Unavailable"};
    const int64_t began_ms = clock_now_ms();
    endless_start(statuses[_i]);
    struct http_post *post = opened(endless.url, PATIENCE_MS);
    for (unsigned i = 1; i <= 2; i++) {
        const struct http_answer answer = sent(post);
        ck_assert_int_eq(answer.status, atol(statuses[_i]));
        ck_assert_str_eq(answer.error, "");
        ck_assert_uint_eq(answer.body.length, 65536);
        ck_assert_uint_eq(endless.requests, i);
    }
    http_post_close(post);
    endless_stop();
    ck_assert_int_lt(clock_now_ms() - began_ms, SOON_MS);
    ck_assert_uint_lt(endless.sent, 32 * MIB); /* what is under way counts, too */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_post");
    TCase *tests = tcase_create("http_post");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_slow_name_server_takes_no_longer_than_the_timeout);
    tcase_add_loop_test(tests, an_answer_without_an_end_is_an_answer, 0, 3);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
