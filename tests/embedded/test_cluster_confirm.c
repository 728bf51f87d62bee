/* Whether masters that were written to had been replaced, against made-up nodes: three masters, and a replica of the
 * second one. test_redis_cluster.c has what masters alone say. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/embedded/fake_redis.h"
#include "worker/redis/cluster_confirm.h"
#include "worker/redis/cluster_pulse.h"

#define MASTERS 3
#define REPLICA 3 /* the number of the fourth node */
#define NODES   4
#define SLAVE   "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"
#define MASTER  "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define EPOCH_6 "$41\r\ncluster_state:ok\r\ncluster_current_epoch:6\r\n"
#define EPOCH_7 "$41\r\ncluster_state:ok\r\ncluster_current_epoch:7\r\n"

static struct fake_redis nodes[NODES];
static char ids[NODES][64], error[512];
static char *map_text, *map_behind;
static struct config *config;
static struct redis_cluster *cluster;

static void put_node(FILE *out, int number)
{
    fprintf(out, "*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n%s", nodes[number].port, ids[number]);
}

/* Master i serves slots i * 5000 to i * 5000 + 4999; `second` is the one of the second range. */
static char *map_with(int second)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    fprintf(out, "*%d\r\n", MASTERS);
    for (int i = 0; i < MASTERS; i++) {
        const int master = i == 1 ? second : i;
        fprintf(out, "*%d\r\n:%d\r\n:%d\r\n", master == 1 ? 4 : 3, i * 5000, i * 5000 + 4999);
        put_node(out, master);
        if (master == 1)
            put_node(out, REPLICA);
    }
    fclose(out);
    return text;
}

static void set_state(const char *state, const char *map)
{
    for (int i = 0; i < NODES; i++) {
        nodes[i].state = state;
        nodes[i].slots = map;
    }
}

static void open_all(void)
{
    char address[128];
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN); /* as main does */
    for (int i = 0; i < NODES; i++) {
        snprintf(ids[i], sizeof(ids[i]), "$40\r\n%040d\r\n", i);
        nodes[i].id = ids[i];
        ck_assert(fake_redis_start(&nodes[i], "127.0.0.1", 0));
    }
    nodes[REPLICA].role = SLAVE;
    map_text = map_with(1);
    map_behind = map_with(REPLICA);
    set_state(EPOCH_6, map_text);
    snprintf(address, sizeof(address), "redis.address=%s", nodes[0].address);
    const char *settings[] = {"redis.kind=cluster", "log.level=error", "redis.timeout=1s", address, NULL};
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    cluster = redis_cluster_open(config);
    ck_assert_ptr_nonnull(cluster);
    ck_assert_msg(redis_cluster_look(cluster, error, sizeof(error)), "%s", error);
}

static void close_all(void)
{
    redis_cluster_close(cluster);
    config_free(config);
    for (int i = 0; i < NODES; i++)
        fake_redis_stop(&nodes[i]);
    free(map_text);
    free(map_behind);
}

static void look_again(void)
{
    ck_assert_msg(redis_cluster_look_again(cluster, error, sizeof(error)), "%s", error);
}

/* All masters know of the epoch before the map is asked for, and none of its winner. */
START_TEST(map_of_the_moment_between_a_vote_and_its_winner_confirms_nothing)
{
    set_state(EPOCH_7, map_text);
    look_again();
    ck_assert_uint_eq(redis_cluster_epoch(cluster), 7);
    ck_assert(cluster_confirm(cluster, error, sizeof(error))); /* nobody has won yet */
    nodes[REPLICA].role = MASTER;
    ck_assert(!cluster_confirm(cluster, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "it is no replica any more"));
    ck_assert_ptr_nonnull(strstr(error, nodes[REPLICA].address));
    set_state(EPOCH_7, map_behind); /* then they know */
    look_again();
    ck_assert_msg(cluster_confirm(cluster, error, sizeof(error)), "%s", error);
}
END_TEST

START_TEST(election_that_nobody_has_won_stops_nothing)
{
    set_state(EPOCH_7, map_text);
    ck_assert(!cluster_confirm(cluster, error, sizeof(error))); /* by the map before */
    look_again();
    for (int i = 0; i < 3; i++)
        ck_assert_msg(cluster_confirm(cluster, error, sizeof(error)), "%s", error);
    ck_assert_int_eq(nodes[REPLICA].accepted, 1); /* the connection stays, also with a new map */
    look_again();
    ck_assert_msg(cluster_confirm(cluster, error, sizeof(error)), "%s", error);
    ck_assert_int_eq(nodes[REPLICA].accepted, 1);
}
END_TEST

START_TEST(replica_that_does_not_say_is_no_witness)
{
    static const bool second[MASTERS] = {false, true, false}, third[MASTERS] = {false, false, true};
    bool vouched[MASTERS];
    nodes[REPLICA].silent = true;
    int64_t began_ms = clock_now_ms();
    ck_assert(!redis_cluster_witness(cluster, second, vouched, error, sizeof(error)));
    ck_assert(!vouched[1]);
    ck_assert_ptr_nonnull(strstr(error, "replica 127.0.0.1:"));
    ck_assert_int_le(clock_now_ms() - began_ms, 1500);
    ck_assert(redis_cluster_witness(cluster, third, vouched, error, sizeof(error)));
    began_ms = clock_now_ms();
    ck_assert(!redis_cluster_witness(cluster, second, vouched, error, sizeof(error)));
    ck_assert_int_le(clock_now_ms() - began_ms, 100); /* it is not called again so soon */
    nodes[REPLICA].silent = false;
    fake_redis_stop(&nodes[REPLICA]);
    redis_cluster_close(cluster);
    cluster = redis_cluster_open(config);
    ck_assert(redis_cluster_look(cluster, error, sizeof(error)));
    ck_assert(!redis_cluster_witness(cluster, second, vouched, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "Connection refused"));
    ck_assert(fake_redis_start(&nodes[REPLICA], "127.0.0.1", nodes[REPLICA].port));
    clock_sleep(CLUSTER_PAUSE_MS + 100);
    ck_assert_msg(redis_cluster_witness(cluster, second, vouched, error, sizeof(error)), "%s", error);
    nodes[REPLICA].id = ids[2]; /* another node has its address */
    ck_assert(!redis_cluster_witness(cluster, second, vouched, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "another node"));
    nodes[REPLICA].id = "-NOPERM\r\n";
    ck_assert(!redis_cluster_witness(cluster, second, vouched, error, sizeof(error)));
}
END_TEST

/* ---- calm ---- */

START_TEST(masters_are_calm_once_more_than_half_have_not_voted)
{
    static struct cluster_calm calm;
    struct cluster_beat beats[MASTERS] = {{1, 1, 7, 0, true}, {2, 2, 7, 5, true}, {3, 3, 7, 1, true}};
    calm.count = 0;
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 1000));
    cluster_calm_note(&calm, beats, MASTERS, 1000);
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 999));
    ck_assert(cluster_calm_is(&calm, beats, MASTERS, 1000));
    beats[0].votes = 1; /* one has voted: it began again, and the two others are more than half */
    ck_assert(cluster_calm_is(&calm, beats, MASTERS, 1000));
    cluster_calm_note(&calm, beats, MASTERS, 2000);
    beats[1].votes = 6;
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 1999));
    cluster_calm_note(&calm, beats, MASTERS, 3000);
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 1999));
    ck_assert(cluster_calm_is(&calm, beats, MASTERS, 2000));
    beats[2].tells_votes = false;
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 2000));
    beats[2].tells_votes = true;
    beats[2].connection = 4; /* it may have been started again, and forgotten its votes */
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 2000));
    beats[2].connection = 0; /* it did not answer */
    ck_assert(!cluster_calm_is(&calm, beats, MASTERS, 2000));
    ck_assert(cluster_calm_is(&calm, beats, MASTERS, 3000));
    ck_assert(!cluster_calm_is(&calm, beats, 0, 3000));
}
END_TEST

START_TEST(votes_are_read)
{
    struct cluster_beat beat;
    ck_assert(cluster_beat_read("cluster_current_epoch:9\r\ncluster_my_epoch:3\r\n", &beat));
    ck_assert(!beat.tells_votes);
    ck_assert(cluster_beat_read("cluster_current_epoch:9\r\ncluster_my_epoch:3\r\n"
                                "cluster_stats_messages_sent:7\r\n",
                                &beat));
    ck_assert(beat.tells_votes);
    ck_assert_uint_eq(beat.votes, 0);
    ck_assert(cluster_beat_read("cluster_current_epoch:9\r\ncluster_my_epoch:3\r\n"
                                "cluster_stats_messages_auth-ack_sent:12\r\ncluster_stats_messages_sent:7\r\n",
                                &beat));
    ck_assert_uint_eq(beat.votes, 12);
    ck_assert(!cluster_beat_read("cluster_stats_messages_auth-ack_sent:12\r\n", &beat));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_confirm");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, open_all, close_all);
    tcase_add_test(all, map_of_the_moment_between_a_vote_and_its_winner_confirms_nothing);
    tcase_add_test(all, election_that_nobody_has_won_stops_nothing);
    tcase_add_test(all, replica_that_does_not_say_is_no_witness);
    tcase_add_test(all, masters_are_calm_once_more_than_half_have_not_voted);
    tcase_add_test(all, votes_are_read);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
