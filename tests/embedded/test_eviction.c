/* A Redis that drops keys when it is full: the daemon tells of it, and goes on. */
#include <check.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

static char *lines; /* of the log, since look_at_log */
static size_t lines_length;
static int log_pipe[2] = {-1, -1}, stderr_before = -1;

static void look_at_log(void)
{
    lines = strdup("");
    ck_assert_ptr_nonnull(lines);
    ck_assert_int_eq(pipe2(log_pipe, O_NONBLOCK), 0);
    stderr_before = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(log_pipe[1], STDERR_FILENO), 0);
}

static void read_log(void)
{
    char more[4096];
    ssize_t length;
    while ((length = read(log_pipe[0], more, sizeof(more))) > 0) {
        lines = realloc(lines, lines_length + (size_t)length + 1);
        ck_assert_ptr_nonnull(lines);
        memcpy(lines + lines_length, more, (size_t)length);
        lines_length += (size_t)length;
        lines[lines_length] = '\0';
        (void)!write(stderr_before, more, (size_t)length);
    }
}

static bool log_has(const char *text)
{
    read_log();
    return strstr(lines, text) != NULL;
}

static void wait_for_log(const char *text)
{
    for (int waited = 0; !log_has(text); waited += 20) {
        ck_assert_msg(waited < FIXTURE_PATIENCE_MS, "the log has no '%s'", text);
        sleep_ms(20);
    }
}

/* The line of the log is written before the metric is set. */
static void wait_for_no_eviction(void)
{
    for (int waited = 0; count_of(METRIC_REDIS_MAY_EVICT, 0) != 0; waited += 20) {
        ck_assert_msg(waited < FIXTURE_PATIENCE_MS, "Redis may still drop keys");
        sleep_ms(20);
    }
}

static void order(const char *text)
{
    redisContext *connection = redisConnectUnix(fixture.redis.address + strlen("unix:"));
    redisReply *reply = redisCommand(connection, text);
    ck_assert_ptr_nonnull(reply);
    ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s: %s", text, reply->str);
    freeReplyObject(reply);
    redisFree(connection);
}

static void evict(void)
{
    order("CONFIG SET maxmemory 100mb");
    order("CONFIG SET maxmemory-policy allkeys-lru");
}

#define BEGINS "event=\"Redis may drop keys when it is full; its maxmemory-policy must be noeviction\""
#define ENDS   "event=\"Redis drops no keys when it is full any more\""

START_TEST(a_redis_that_drops_keys_is_told_once)
{
    evict();
    look_at_log();
    fixture_start("exactly-once", (const char *const[]){"worker.threads=2", "log.level=info", NULL});
    fixture_send_valid(0, 0);
    fixture_send_valid(1, 1);
    wait_for_log(BEGINS);
    wait_for_count(METRIC_REDIS_MAY_EVICT, 0, 1);
    ck_assert(log_has("policy=allkeys-lru maxmemory=104857600 drops=clients"));
    fixture_end_redis();
    fixture_begin_redis(); /* without a limit */
    fixture_send_valid(0, 2);
    wait_for_log(ENDS);
    wait_for_no_eviction();
    fixture_stop();
    read_log();
    ck_assert_ptr_null(strstr(strstr(lines, BEGINS) + 1, BEGINS));
}
END_TEST

START_TEST(a_redis_that_does_not_say_is_none_of_them)
{
    evict();
    order("ACL SETUSER default -info -config");
    look_at_log();
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_until_committed(1);
    ck_assert_uint_eq(count_of(METRIC_REDIS_MAY_EVICT, 0), 0);
    ck_assert_uint_eq(count_of(METRIC_REDIS_UP, 0), 1);
    fixture_stop();
    ck_assert(!log_has(BEGINS));
    ck_assert(!log_has("Redis is away"));
}
END_TEST

START_TEST(a_redis_without_a_limit_drops_none)
{
    order("CONFIG SET maxmemory-policy allkeys-lru");
    look_at_log();
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_until_committed(1);
    ck_assert_uint_eq(count_of(METRIC_REDIS_MAY_EVICT, 0), 0);
    fixture_stop();
    ck_assert(!log_has(BEGINS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("eviction");
    tcase_add_test(add_case(suite, "evicts"), a_redis_that_drops_keys_is_told_once);
    tcase_add_test(add_case(suite, "silent"), a_redis_that_does_not_say_is_none_of_them);
    tcase_add_test(add_case(suite, "unlimited"), a_redis_without_a_limit_drops_none);
    return side_by_side(suite, (const char *const[]){"evicts", "silent", "unlimited", NULL});
}
