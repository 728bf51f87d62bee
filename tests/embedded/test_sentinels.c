/* Connecting through Sentinels, and the confirmation before a commit, against made-up Sentinels that are away, silent,
 * wrong, restarted or in need of a password. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/embedded/fake_redis.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_sentinels.h"

#define NOT_KNOWN "*-1\r\n"
#define REPLICA   "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"

static struct fake_redis sentinels[3], master, another;
static struct config *config;
static char *names_master, *names_another, error[512];

static void read_config(const char *more)
{
    char address[256];
    snprintf(address, sizeof(address), "redis.address=%s,%s,%s", sentinels[0].address, sentinels[1].address,
             sentinels[2].address);
    const char *settings[] = {
        "redis.kind=sentinel", "redis.master=clients", "log.level=error", "redis.timeout=1s", address, more, NULL};
    config_free(config);
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
}

static void open_all(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert(fake_redis_start(&master, "127.0.0.1", 0) && fake_redis_start(&another, "127.0.0.1", 0));
    names_master = fake_names("127.0.0.1", master.port);
    names_another = fake_names("127.0.0.1", another.port);
    for (int i = 0; i < 3; i++) {
        sentinels[i].sentinel = names_master;
        ck_assert(fake_redis_start(&sentinels[i], "127.0.0.1", 0));
    }
    read_config(NULL);
}

static void close_all(void)
{
    for (int i = 0; i < 3; i++)
        fake_redis_stop(&sentinels[i]);
    fake_redis_stop(&master);
    fake_redis_stop(&another);
    free(names_master);
    free(names_another);
    config_free(config);
}

/* The port of the server that is connected to; 0: none. */
static int reached(void)
{
    redisContext *connection = redis_connect(config, error, sizeof(error));
    const int port = connection ? connection->tcp.port : 0;
    if (connection)
        redisFree(connection);
    return port;
}

#define ck_fails_with(text)                                                                                            \
    do {                                                                                                               \
        ck_assert_int_eq(reached(), 0);                                                                                \
        ck_assert_msg(strstr(error, text), "%s", error);                                                               \
    } while (0)

START_TEST(master_that_all_name_is_connected_to)
{
    ck_assert_int_eq(reached(), master.port);
}
END_TEST

START_TEST(one_of_three_may_be_away_silent_or_wrong)
{
    static const char *const lies[] = {NOT_KNOWN, "+what\r\n", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
                                       "-ERR unknown command\r\n", "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n"};
    for (int i = 0; i < 3; i++) {
        for (size_t lie = 0; lie < sizeof(lies) / sizeof(lies[0]); lie++) {
            sentinels[i].sentinel = lies[lie];
            ck_assert_int_eq(reached(), master.port);
        }
        sentinels[i].sentinel = names_another;
        ck_assert_int_eq(reached(), master.port);
        sentinels[i].sentinel = names_master;
    }
    sentinels[1].silent = true;
    ck_assert_int_eq(reached(), master.port);
}
END_TEST

START_TEST(faults_are_told_apart)
{
    another.role = REPLICA;
    for (int i = 0; i < 3; i++)
        sentinels[i].sentinel = names_another;
    ck_fails_with(", which the Sentinels name as the master, is a replica");
    another.role = "*1\r\n$8\r\nsentinel\r\n";
    ck_fails_with(", which the Sentinels name as the master, is a sentinel");
    another.role = "-NOPERM this user has no permissions to run the 'role' command\r\n";
    ck_fails_with(": ROLE: NOPERM");
    sentinels[0].sentinel = names_master;
    sentinels[1].sentinel = NOT_KNOWN;
    ck_fails_with("the Sentinels do not agree on the master, where 2 of 3 must: ");
    for (int i = 0; i < 3; i++)
        sentinels[i].sentinel = NOT_KNOWN;
    ck_fails_with("no Sentinel that answers knows a master named clients (redis.master): ");
    for (int i = 0; i < 3; i++)
        sentinels[i].sentinel = NULL;
    ck_fails_with(": it is no Sentinel");
    for (int i = 0; i < 3; i++)
        sentinels[i].sentinel = names_master;
    sentinels[0].silent = sentinels[1].silent = true;
    ck_fails_with("too few Sentinels answer, 1 of 3, where 2 must: ");
    sentinels[0].silent = sentinels[1].silent = false;
    ck_assert_int_eq(reached(), master.port); /* though they are asked last now */
}
END_TEST

START_TEST(none_can_be_reached)
{
    for (int i = 0; i < 3; i++)
        fake_redis_stop(&sentinels[i]);
    ck_fails_with("no Sentinel answers: ");
    ck_assert_ptr_nonnull(strstr(error, "Connection refused"));
    for (int i = 0; i < 3; i++)
        ck_assert(fake_redis_start(&sentinels[i], "127.0.0.1", sentinels[i].port));
    ck_assert_int_eq(reached(), master.port);
}
END_TEST

START_TEST(sentinels_have_a_password_of_their_own)
{
    for (int i = 0; i < 3; i++)
        sentinels[i].password = "open sesame";
    ck_fails_with("NOAUTH");
    read_config("redis.sentinel_password=wrong");
    ck_fails_with("AUTH: WRONGPASS");
    ck_assert_ptr_null(strstr(error, "wrong"));
    read_config("redis.sentinel_password=open sesame");
    ck_assert_int_eq(reached(), master.port);
    master.password = "another";
    ck_fails_with("NOAUTH");
    ck_assert_ptr_null(strstr(error, "sesame"));
}
END_TEST

START_TEST(addresses_may_be_of_ipv6)
{
    struct fake_redis six = {0};
    if (!fake_redis_start(&six, "::1", 0))
        return; /* this machine has no IPv6 */
    char *names_six = fake_names("::1", six.port), address[REDIS_ADDRESS_BYTES];
    for (int i = 0; i < 3; i++) {
        fake_redis_stop(&sentinels[i]);
        sentinels[i].sentinel = names_six;
        ck_assert(fake_redis_start(&sentinels[i], "::1", 0));
    }
    read_config(NULL);
    redisContext *connection = redis_connect(config, error, sizeof(error));
    ck_assert_msg(connection != NULL, "%s", error);
    redis_address(connection, address);
    ck_assert_str_eq(address, six.address);
    ck_assert(redis_is_still_chosen(config, connection, error, sizeof(error)));
    redisFree(connection);
    fake_redis_stop(&six);
    free(names_six);
}
END_TEST

/* ---- the confirmation ---- */

/* Whether the server of the connection is the master, by `asking`. */
#define confirms() redis_sentinels_confirm(asking, connection, error, sizeof(error))

START_TEST(server_is_confirmed_as_long_as_most_name_it)
{
    struct redis_sentinels *asking = redis_sentinels_open(config);
    redisContext *connection = redis_connect(config, error, sizeof(error));
    ck_assert(asking && connection && confirms());
    sentinels[0].sentinel = names_another;
    ck_assert(confirms());
    sentinels[1].sentinel = NOT_KNOWN;
    ck_assert(!confirms());
    sentinels[1].sentinel = names_another;
    ck_assert(!confirms());
    ck_assert_msg(strstr(error, " as the master, no longer "), "%s", error);
    sentinels[0].sentinel = names_master;
    ck_assert(confirms());
    ck_assert_int_eq(sentinels[2].accepted, 2); /* connections stay open: one of redis_connect, one of ours */
    redisFree(connection);
    redis_sentinels_close(asking);
}
END_TEST

START_TEST(sentinel_that_was_restarted_is_asked_on_a_new_connection)
{
    struct redis_sentinels *asking = redis_sentinels_open(config);
    redisContext *connection = redis_connect(config, error, sizeof(error));
    ck_assert(asking && connection && confirms());
    for (int i = 0; i < 3; i++) {
        fake_redis_stop(&sentinels[i]);
        ck_assert(fake_redis_start(&sentinels[i], "127.0.0.1", sentinels[i].port));
    }
    ck_assert_msg(confirms(), "%s", error);
    redisFree(connection);
    redis_sentinels_close(asking);
}
END_TEST

START_TEST(silent_sentinel_costs_its_time_once)
{
    struct redis_sentinels *asking = redis_sentinels_open(config), *other = redis_sentinels_open(config);
    redisContext *connection = redis_connect(config, error, sizeof(error));
    ck_assert(asking && other && connection && confirms());
    sentinels[0].silent = true;
    int64_t began_ms = clock_now_ms();
    ck_assert(confirms());
    ck_assert_int_ge(clock_now_ms() - began_ms, SENTINEL_WAIT_MS - 50);
    began_ms = clock_now_ms();
    for (int i = 0; i < 20; i++) {
        ck_assert(confirms());
        ck_assert(redis_sentinels_confirm(other, connection, error, sizeof(error)));
    }
    ck_assert_int_lt(clock_now_ms() - began_ms, SENTINEL_WAIT_MS);
    /* What it said before does not count. */
    sentinels[1].silent = true;
    ck_assert(!confirms());
    ck_assert_msg(strstr(error, "too few Sentinels answer, 1 of 3, where 2 must"), "%s", error);
    sentinels[0].silent = false;
    ck_assert_msg(confirms(), "%s", error); /* it is asked, since the others do not suffice */
    redisFree(connection);
    redis_sentinels_close(asking);
    redis_sentinels_close(other);
}
END_TEST

START_TEST(sentinel_that_answers_byte_by_byte_counts_as_silent)
{
    struct redis_sentinels *asking = redis_sentinels_open(config);
    redisContext *connection = redis_connect(config, error, sizeof(error));
    ck_assert(asking && connection && confirms());
    sentinels[0].slow = true;
    const int64_t began_ms = clock_now_ms();
    ck_assert(confirms());
    ck_assert_int_lt(clock_now_ms() - began_ms, 2 * SENTINEL_WAIT_MS + 300);
    redisFree(connection);
    redis_sentinels_close(asking);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sentinels");
    TCase *tcase = tcase_create("sentinels");
    tcase_add_checked_fixture(tcase, open_all, close_all);
    tcase_add_test(tcase, master_that_all_name_is_connected_to);
    tcase_add_test(tcase, one_of_three_may_be_away_silent_or_wrong);
    tcase_add_test(tcase, faults_are_told_apart);
    tcase_add_test(tcase, none_can_be_reached);
    tcase_add_test(tcase, sentinels_have_a_password_of_their_own);
    tcase_add_test(tcase, addresses_may_be_of_ipv6);
    tcase_add_test(tcase, server_is_confirmed_as_long_as_most_name_it);
    tcase_add_test(tcase, sentinel_that_was_restarted_is_asked_on_a_new_connection);
    tcase_add_test(tcase, silent_sentinel_costs_its_time_once);
    tcase_add_test(tcase, sentinel_that_answers_byte_by_byte_counts_as_silent);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
