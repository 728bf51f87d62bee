/* The masters of a cluster, against made-up nodes that are away, silent, wrong, replaced, or that redirect.
 * tests/live/redis_cluster.sh does it with real ones. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/embedded/fake_redis.h"
#include "worker/redis/cluster_confirm.h"
#include "worker/redis/cluster_pulse.h"

#define NODES   3
#define REPLICA "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"
#define OK      "$16\r\ncluster_state:ok\r\n"
#define FAIL    "$18\r\ncluster_state:fail\r\n"
#define EPOCH_6 "$41\r\ncluster_state:ok\r\ncluster_current_epoch:6\r\n"
#define EPOCH_7 "$41\r\ncluster_state:ok\r\ncluster_current_epoch:7\r\n"
#define SHARD   "$40\r\n5555555555555555555555555555555555555555\r\n"

static struct fake_redis nodes[NODES];
static char ids[NODES][64], error[512];
static struct config *config;
static struct redis_cluster *cluster;
static char *map_text;

/* Node i has id iii... and serves slots i * 5000 to i * 5000 + 4999; `skipped` is left out. */
static char *map_without(int skipped)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    fprintf(out, "*%d\r\n", skipped < NODES ? NODES - 1 : NODES);
    for (int i = 0; i < NODES; i++)
        if (i != skipped)
            fprintf(out, "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n%s", i * 5000, i * 5000 + 4999,
                    nodes[i].port, ids[i]);
    fclose(out);
    return text;
}

/* redis.address lists these; a port that is 0 is left out. */
static void open_cluster(int first, int second, int third)
{
    char address[256] = "redis.address=";
    const int ports[] = {first, second, third};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        if (ports[i])
            sprintf(address + strlen(address), "%s127.0.0.1:%d", i > 0 ? "," : "", ports[i]);
    const char *settings[] = {"redis.kind=cluster", "log.level=error", "redis.timeout=1s", address, NULL};
    redis_cluster_close(cluster);
    config_free(config);
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    cluster = redis_cluster_open(config);
    ck_assert_ptr_nonnull(cluster);
}

static void open_all(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN); /* as main does */
    for (int i = 0; i < NODES; i++) {
        snprintf(ids[i], sizeof(ids[i]), "$40\r\n%040d\r\n", i);
        nodes[i].id = ids[i];
        nodes[i].state = OK;
        ck_assert(fake_redis_start(&nodes[i], "127.0.0.1", 0));
    }
    map_text = map_without(NODES);
    for (int i = 0; i < NODES; i++)
        nodes[i].slots = map_text;
    open_cluster(nodes[0].port, nodes[1].port, nodes[2].port);
}

static void close_all(void)
{
    redis_cluster_close(cluster);
    cluster = NULL;
    for (int i = 0; i < NODES; i++)
        fake_redis_stop(&nodes[i]);
    config_free(config);
    config = NULL;
    free(map_text);
}

#define ck_looks() ck_assert_msg(redis_cluster_look(cluster, error, sizeof(error)), "%s", error)

static enum slot_state state_of(unsigned slot)
{
    uint16_t number;
    return redis_cluster_slot(cluster, slot, &number);
}

/* Looks until the slot has the state; fails when that takes longer than a second and a half. */
#define ck_comes(slot, state)                                                                                          \
    do {                                                                                                               \
        const int64_t until_ms = clock_now_ms() + 1500;                                                                \
        while (state_of(slot) != (state) && clock_now_ms() < until_ms) {                                               \
            ck_looks();                                                                                                \
            clock_sleep(10);                                                                                           \
        }                                                                                                              \
        ck_assert_int_eq(state_of(slot), state);                                                                       \
    } while (0)

#define ck_within(ms, begin_ms) ck_assert_int_le(clock_now_ms() - (begin_ms), ms)

START_TEST(every_slot_has_its_node)
{
    uint16_t number;
    ck_assert_int_eq(state_of(0), SLOT_AWAY); /* before the first look */
    ck_looks();
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES);
    for (unsigned slot = 0; slot < 15000; slot++) {
        ck_assert_int_eq(redis_cluster_slot(cluster, slot, &number), SLOT_SERVED);
        ck_assert_uint_eq(number, slot / 5000);
        ck_assert_int_eq(redis_cluster_node(cluster, number)->connection->tcp.port, nodes[slot / 5000].port);
    }
    ck_assert_int_eq(redis_cluster_slot(cluster, 15000, &number), SLOT_AWAY);
    ck_assert_uint_eq(number, CLUSTER_NO_MASTER);
    for (int i = 0; i < 100; i++)
        ck_looks();
    for (int i = 0; i < NODES; i++)
        ck_assert_int_eq(nodes[i].accepted, i == 0 ? 2 : 1); /* connections stay; one is for maps */
}
END_TEST

START_TEST(map_of_the_first_that_answers_counts)
{
    nodes[0].slots = "-NOPERM this user has no permissions to run the 'cluster|slots' command\r\n";
    fake_redis_stop(&nodes[1]);
    ck_looks();
    ck_assert_int_eq(state_of(0), SLOT_SERVED);
    ck_assert_int_eq(state_of(5000), SLOT_AWAY);
    ck_assert_ptr_nonnull(strstr(redis_cluster_node(cluster, 1)->error, "Connection refused"));
    ck_assert_int_eq(state_of(10000), SLOT_SERVED);
    ck_assert(fake_redis_start(&nodes[1], "127.0.0.1", nodes[1].port));
    ck_comes(5000, SLOT_SERVED);
}
END_TEST

START_TEST(more_than_half_confirm_what_was_written)
{
    for (int i = 0; i < NODES; i++)
        nodes[i].state = EPOCH_6;
    ck_looks();
    ck_assert_uint_eq(redis_cluster_epoch(cluster), 6);
    ck_assert(cluster_confirm(cluster, error, sizeof(error)));
    nodes[1].state = EPOCH_7; /* one has heard of an election, which had not ended */
    ck_assert(cluster_confirm(cluster, error, sizeof(error)));
    nodes[2].state = OK; /* and one does not say what it has heard of */
    ck_assert(!cluster_confirm(cluster, error, sizeof(error)));
    ck_assert_str_eq(error, "CLUSTER INFO: it tells of no cluster_current_epoch");
    nodes[2].state = EPOCH_7;
    ck_assert(!cluster_confirm(cluster, error, sizeof(error)));
    ck_assert_str_eq(error, "the cluster has changed while it was written to (epoch 7, not 6)");
    nodes[0].state = EPOCH_7;
    ck_assert(redis_cluster_look_again(cluster, error, sizeof(error)));
    ck_assert_uint_eq(redis_cluster_epoch(cluster), 7);
    ck_assert(cluster_confirm(cluster, error, sizeof(error)));
    fake_redis_stop(&nodes[1]);
    ck_assert(cluster_confirm(cluster, error, sizeof(error)));
    fake_redis_stop(&nodes[2]);
    ck_assert(!cluster_confirm(cluster, error, sizeof(error)));
    ck_assert_str_eq(error, "too few masters of the cluster answer");
    for (int i = 1; i < NODES; i++)
        ck_assert(fake_redis_start(&nodes[i], "127.0.0.1", nodes[i].port));
}
END_TEST

START_TEST(nobody_has_a_map)
{
    for (int i = 0; i < NODES; i++)
        nodes[i].slots = NULL;
    ck_assert(!redis_cluster_look(cluster, error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, ": CLUSTER SLOTS: ERR This instance has cluster support disabled; 127.0.0.1:"));
    ck_assert(redis_cluster_is_none(cluster));
    ck_assert(!redis_cluster_look(cluster, error, sizeof(error))); /* too early */
    ck_assert_int_eq(nodes[0].asked, 1);
    nodes[2].slots = map_text;
    ck_assert_int_eq(redis_cluster_count(cluster), 0);
    clock_sleep(CLUSTER_LOOK_MS);
    ck_looks();
    ck_assert(!redis_cluster_is_none(cluster));
    ck_assert_int_eq(state_of(0), SLOT_SERVED);
}
END_TEST

START_TEST(node_that_is_cut_off_is_asked_last)
{
    char *other = map_without(1);
    nodes[0].state = FAIL;
    nodes[0].slots = other;
    ck_looks();
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES);
    ck_assert_int_eq(redis_cluster_state(cluster), CLUSTER_OK);
    for (int i = 0; i < NODES; i++)
        nodes[i].state = FAIL; /* then the map with the most slots counts */
    open_cluster(nodes[0].port, nodes[1].port, nodes[2].port);
    ck_looks();
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES);
    ck_assert_int_eq(redis_cluster_state(cluster), CLUSTER_FAIL);
    ck_assert_int_eq(redis_cluster_answered(cluster)->port, nodes[1].port);
    ck_assert_int_eq(state_of(5000), SLOT_SERVED);
    free(other);
}
END_TEST

/* As of a master that was frozen while it was failed over, and does not know it yet. */
START_TEST(older_map_is_not_believed)
{
    char *newer = map_without(0);
    for (int i = 0; i < NODES; i++) {
        nodes[i].state = EPOCH_7;
        nodes[i].slots = newer;
    }
    ck_looks();
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES - 1);
    nodes[0].state = EPOCH_6;
    nodes[0].slots = map_text;
    redis_cluster_redirected(cluster, 0, 5000, REDIRECT_MOVED, "MOVED");
    clock_sleep(CLUSTER_LOOK_MS);
    ck_looks();
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES - 1);
    ck_assert_int_ne(redis_cluster_answered(cluster)->port, nodes[0].port);
    for (int i = 0; i < NODES; i++) {
        nodes[i].state = EPOCH_6;
        nodes[i].slots = map_text; /* the cluster was made again; in a while that is believed */
    }
    redis_cluster_redirected(cluster, 0, 5000, REDIRECT_MOVED, "MOVED");
    const int64_t began_ms = clock_now_ms();
    while (redis_cluster_count(cluster) != NODES && clock_now_ms() - began_ms < CLUSTER_FORGET_MS + 2000) {
        ck_looks();
        clock_sleep(20);
    }
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES);
    ck_assert_int_ge(clock_now_ms() - began_ms, CLUSTER_FORGET_MS - 100);
    ck_comes(0, SLOT_SERVED);
    free(newer);
}
END_TEST

START_TEST(silent_nodes_cost_a_bounded_time)
{
    for (int i = 0; i < NODES; i++)
        nodes[i].silent = true;
    int64_t began_ms = clock_now_ms();
    ck_assert(!redis_cluster_look(cluster, error, sizeof(error)));
    ck_within(2000, began_ms);
    ck_assert_ptr_nonnull(strstr(error, "no answer in time"));
    nodes[2].silent = false;
    clock_sleep(CLUSTER_LOOK_MS);
    began_ms = clock_now_ms();
    ck_looks(); /* it goes on behind those that were asked */
    ck_within(1500, began_ms);
    ck_comes(10000, SLOT_SERVED);
    ck_assert_int_eq(state_of(0), SLOT_AWAY);
    began_ms = clock_now_ms();
    for (int i = 0; i < 10; i++)
        ck_looks(); /* their pauses are ten times as long as their calls */
    ck_within(1500, began_ms);
}
END_TEST

START_TEST(slow_node_has_no_more_time)
{
    nodes[0].slow = true;
    open_cluster(nodes[0].port, 0, 0);
    const int64_t began_ms = clock_now_ms();
    ck_assert(!redis_cluster_look(cluster, error, sizeof(error)));
    ck_within(2000, began_ms);
    ck_assert_ptr_nonnull(strstr(error, "no answer in time"));
}
END_TEST

/* ---- who is there ---- */

START_TEST(another_node_at_the_address_is_not_the_master)
{
    nodes[0].id = ids[1];
    nodes[1].role = REPLICA;
    nodes[2].id = "-NOPERM this user has no permissions to run the 'cluster|myid' command\r\n";
    ck_looks();
    ck_assert_str_eq(redis_cluster_node(cluster, 0)->error, "another node is at the address of this master");
    ck_assert_str_eq(redis_cluster_node(cluster, 1)->error, "it is no master any more");
    ck_assert_str_eq(redis_cluster_node(cluster, 2)->error,
                     "CLUSTER MYID: NOPERM this user has no permissions to run the 'cluster|myid' command");
    for (unsigned slot = 0; slot < 15000; slot += 5000)
        ck_assert_int_eq(state_of(slot), SLOT_AWAY);
    nodes[0].id = ids[0];
    nodes[1].role = NULL;
    ck_comes(0, SLOT_SERVED);
    ck_comes(5000, SLOT_SERVED);
    ck_assert_int_eq(state_of(10000), SLOT_AWAY);
}
END_TEST

START_TEST(shard_has_an_id)
{
    nodes[0].shard = SHARD;
    nodes[1].shard = "-ERR unknown subcommand 'MYSHARDID'. Try CLUSTER HELP.\r\n";
    nodes[2].shard = "$3\r\nabc\r\n";
    ck_looks();
    const struct cluster_node *node = redis_cluster_node(cluster, 0);
    ck_assert_str_eq(node->shard, "5555555555555555555555555555555555555555");
    ck_assert_int_eq(node->shard_id, SHARD_ID_OF_SHARD);
    for (size_t i = 1; i < NODES; i++) {
        node = redis_cluster_node(cluster, i);
        ck_assert_str_eq(node->shard, node->master.id);
        ck_assert_int_eq(node->shard_id, SHARD_ID_OF_MASTER);
    }
}
END_TEST

/* ---- a new map ---- */

START_TEST(lost_connection_is_another_one_afterwards)
{
    ck_looks();
    const uint64_t before = redis_cluster_node(cluster, 0)->number, other = redis_cluster_node(cluster, 1)->number;
    redis_cluster_lose(cluster, 0, "gone");
    ck_assert_int_eq(state_of(0), SLOT_AWAY);
    ck_assert_str_eq(redis_cluster_node(cluster, 0)->error, "gone");
    ck_assert_int_eq(state_of(5000), SLOT_SERVED);
    ck_comes(0, SLOT_SERVED);
    ck_assert_uint_gt(redis_cluster_node(cluster, 0)->number, before);
    ck_assert_uint_eq(redis_cluster_node(cluster, 1)->number, other);
    ck_assert_int_eq(nodes[1].accepted, 1);
}
END_TEST

START_TEST(master_that_is_replaced_is_left)
{
    char *fewer = map_without(0);
    uint16_t number;
    ck_looks();
    for (int i = 0; i < NODES; i++)
        nodes[i].slots = fewer;
    redis_cluster_redirected(cluster, 0, 7, REDIRECT_MOVED, "MOVED 7 127.0.0.1:1");
    ck_assert_int_eq(state_of(7), SLOT_UNSURE);
    ck_assert_int_eq(state_of(8), SLOT_SERVED);
    ck_comes(7, SLOT_AWAY);
    ck_assert_uint_eq(redis_cluster_count(cluster), NODES - 1);
    ck_assert_int_eq(redis_cluster_slot(cluster, 5000, &number), SLOT_SERVED);
    ck_assert_uint_eq(number, 0);
    ck_assert_int_eq(nodes[1].accepted, 1); /* the others keep their connections */
    for (int i = 0; i < NODES; i++)
        nodes[i].slots = map_text;
    ck_comes(7, SLOT_SERVED);
    ck_assert_int_eq(nodes[0].accepted, 3);
    free(fewer);
}
END_TEST

START_TEST(slot_that_has_moved_is_served_by_the_other_node)
{
    char moved[1024];
    uint16_t number;
    snprintf(moved, sizeof(moved),
             "*2\r\n*3\r\n:0\r\n:6\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n%s"
             "*3\r\n:7\r\n:9999\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n%s",
             nodes[0].port, ids[0], nodes[1].port, ids[1]);
    ck_looks();
    clock_sleep(CLUSTER_LOOK_MS);
    for (int i = 0; i < NODES; i++)
        nodes[i].slots = moved;
    redis_cluster_redirected(cluster, 0, 6, REDIRECT_ASK, "ASK 6 127.0.0.1:1");
    redis_cluster_redirected(cluster, 0, 7, REDIRECT_MOVED, "MOVED 7 127.0.0.1:1");
    ck_looks();
    ck_assert_int_eq(redis_cluster_slot(cluster, 7, &number), SLOT_SERVED); /* without a pause */
    ck_assert_uint_eq(number, 1);
    ck_assert_int_eq(redis_cluster_slot(cluster, 6, &number), SLOT_UNSURE);
    ck_assert_uint_eq(number, 0);
}
END_TEST

START_TEST(however_many_redirects_come_maps_are_few)
{
    ck_looks();
    const int before = nodes[0].asked;
    const int64_t until_ms = clock_now_ms() + 4 * CLUSTER_LOOK_MS + CLUSTER_LOOK_MS / 2;
    while (clock_now_ms() < until_ms) {
        redis_cluster_redirected(cluster, 0, 7, REDIRECT_MOVED, "MOVED 7 127.0.0.1:1");
        ck_looks();
        clock_sleep(1);
    }
    ck_assert_int_le(nodes[0].asked - before, 5);
    ck_assert_int_ge(nodes[0].asked - before, 2);
}
END_TEST

/* What a redirect makes of the slot, and of another slot of the node. */
static const struct {
    enum redis_redirect redirect;
    enum slot_state slot, other;
} redirects[] = {
    {REDIRECT_NONE, SLOT_SERVED, SLOT_SERVED},      {REDIRECT_MOVED, SLOT_UNSURE, SLOT_SERVED},
    {REDIRECT_ASK, SLOT_UNSURE, SLOT_SERVED},       {REDIRECT_TRYAGAIN, SLOT_UNSURE, SLOT_SERVED},
    {REDIRECT_SLOT_DOWN, SLOT_UNSURE, SLOT_SERVED}, {REDIRECT_DOWN, SLOT_AWAY, SLOT_AWAY},
    {REDIRECT_READONLY, SLOT_AWAY, SLOT_AWAY},      {REDIRECT_LOADING, SLOT_AWAY, SLOT_AWAY},
    {REDIRECT_MASTER_DOWN, SLOT_AWAY, SLOT_AWAY},
};

START_TEST(redirect_stops_its_slot_or_its_node_for_a_pause)
{
    ck_looks();
    redis_cluster_redirected(cluster, 0, 7, redirects[_i].redirect, "as the node says");
    ck_assert_int_eq(state_of(7), redirects[_i].slot);
    ck_assert_int_eq(state_of(8), redirects[_i].other);
    ck_assert_int_eq(state_of(5000), SLOT_SERVED);
    clock_sleep(CLUSTER_PAUSE_MS + 1);
    ck_assert_int_eq(state_of(7), SLOT_SERVED);
    ck_assert_int_eq(state_of(8), SLOT_SERVED);
    ck_assert_int_eq(nodes[0].accepted, 2); /* the connection stays */
}
END_TEST

/* ---- pipelines ---- */

static struct cluster_pipelines pipelines;
static struct arena arena;
static redisReply *reply;

static void ask(unsigned slot)
{
    uint16_t number;
    ck_assert_int_eq(redis_cluster_slot(cluster, slot, &number), SLOT_SERVED);
    struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, number);
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("GET"));
    pipeline_parts(pipeline, SPAN("x"));
}

static enum cluster_answer answer(size_t node, unsigned slot)
{
    freeReplyObject(reply);
    return cluster_pipelines_answer(&pipelines, node, slot, &reply, error, sizeof(error));
}

static void begin_pipelines(void)
{
    ck_looks();
    ck_assert_int_eq(arena_open(&arena, 1 << 20), 0);
    ck_assert(cluster_pipelines_open(&pipelines, cluster, &arena));
}

static void end_pipelines(void)
{
    freeReplyObject(reply);
    cluster_pipelines_close(&pipelines);
    ck_assert_uint_eq(arena.used, 0);
    arena_close(&arena);
}

START_TEST(commands_go_to_their_nodes)
{
    static const char *const gets[] = {"$1\r\na\r\n", "$1\r\nb\r\n", "-WRONGTYPE it is a list\r\n"};
    for (int i = 0; i < NODES; i++)
        nodes[i].get = gets[i];
    begin_pipelines();
    for (unsigned i = 0; i < 60; i++)
        ask(i % NODES * 5000 + i);
    cluster_pipelines_send(&pipelines);
    for (unsigned i = 60; i-- > 0;) {
        ck_assert_int_eq(answer(i % NODES, i % NODES * 5000 + i), CLUSTER_ANSWERED);
        ck_assert_int_eq(reply->str[0], i % NODES == 0 ? 'a' : i % NODES == 1 ? 'b' : 'W');
    }
    end_pipelines();
    for (int i = 0; i < NODES; i++)
        ck_assert_int_eq(state_of((unsigned)i * 5000), SLOT_SERVED);
}
END_TEST

START_TEST(answers_are_told_apart)
{
    nodes[0].get = "-MOVED 7 127.0.0.1:1\r\n";
    nodes[1].get = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    nodes[2].get = "-CLUSTERDOWN The cluster is down\r\n";
    begin_pipelines();
    ask(7);
    ask(5000);
    ask(10000);
    cluster_pipelines_send(&pipelines);
    ck_assert_int_eq(answer(0, 7), CLUSTER_REDIRECTED);
    ck_assert_ptr_null(reply);
    ck_assert_str_eq(error, "MOVED 7 127.0.0.1:1");
    ck_assert_int_eq(answer(1, 5000), CLUSTER_REFUSED);
    ck_assert_str_eq(error, "OOM command not allowed when used memory > 'maxmemory'.");
    ck_assert_int_eq(answer(2, 10000), CLUSTER_REDIRECTED);
    end_pipelines();
    ck_assert_int_eq(state_of(7), SLOT_UNSURE);
    ck_assert_int_eq(state_of(5000), SLOT_SERVED);
    ck_assert_int_eq(state_of(10000), SLOT_AWAY);
}
END_TEST

START_TEST(node_that_is_lost_does_not_touch_the_others)
{
    begin_pipelines();
    nodes[0].silent = true;
    fake_redis_stop(&nodes[1]);
    for (unsigned i = 0; i < 9; i++)
        ask(i % NODES * 5000 + i);
    cluster_pipelines_send(&pipelines);
    const int64_t began_ms = clock_now_ms();
    for (unsigned i = 0; i < 9; i++) {
        const enum cluster_answer is = answer(i % NODES, i % NODES * 5000 + i);
        ck_assert_int_eq(is, i % NODES == 2 ? CLUSTER_ANSWERED : CLUSTER_LOST);
    }
    ck_within(1500, began_ms); /* redis.timeout, once */
    end_pipelines();
    ck_assert_int_eq(state_of(0), SLOT_AWAY);
    ck_assert_int_eq(state_of(5001), SLOT_AWAY);
    ck_assert_int_eq(state_of(10002), SLOT_SERVED);
    ck_assert(fake_redis_start(&nodes[1], "127.0.0.1", nodes[1].port));
}
END_TEST

START_TEST(what_is_not_wanted_is_closed)
{
    begin_pipelines();
    ask(1);
    ask(5001);
    ask(2);
    cluster_pipelines_send(&pipelines);
    ck_assert_int_eq(answer(0, 1), CLUSTER_ANSWERED);
    ck_assert_int_eq(answer(1, 5001), CLUSTER_ANSWERED);
    end_pipelines();
    ck_assert_int_eq(state_of(1), SLOT_AWAY);
    ck_assert_int_eq(state_of(5001), SLOT_SERVED);
    ck_comes(1, SLOT_SERVED);
}
END_TEST

START_TEST(what_was_not_sent_is_dropped)
{
    begin_pipelines();
    ask(1);
    ask(5001);
    end_pipelines(); /* which looks at the arena */
    ck_assert_int_eq(state_of(1), SLOT_AWAY);
    ck_assert_int_eq(state_of(5001), SLOT_AWAY); /* hiredis may have sent a part */
    ck_assert_int_eq(state_of(10001), SLOT_SERVED);
}
END_TEST

/* ---- the pulse ---- */

START_TEST(masters_agree_on_an_epoch)
{
    static const struct {
        struct cluster_beat beats[3];
        bool agree; /* on epoch 7 */
    } rows[] = {
        {{{1, 1, 7, 0, true}, {2, 2, 7, 0, true}, {3, 3, 7, 0, true}}, true},
        {{{1, 1, 6, 0, true}, {2, 2, 7, 0, true}, {3, 3, 8, 0, true}}, true},
        {{{1, 1, 7, 0, true}, {2, 2, 8, 0, true}, {3, 3, 8, 0, true}}, false},
        {{{1, 1, 7, 0, true}, {0, 0, 0, 0, true}, {3, 3, 7, 0, true}}, true},
        {{{1, 1, 7, 0, true}, {0, 0, 0, 0, true}, {3, 3, 8, 0, true}}, false},
        {{{0, 0, 0, 0, true}, {0, 0, 0, 0, true}, {3, 3, 7, 0, true}}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_int_eq(cluster_beats_agree(rows[i].beats, 3, 7), rows[i].agree);
    ck_assert(!cluster_beats_agree(rows[0].beats, 2, 6));
    ck_assert(!cluster_beats_agree(rows[0].beats, 0, 7));
}
END_TEST

#define PULSE_3 "$46\r\ncluster_current_epoch:9\r\ncluster_my_epoch:345\n\r\n"

START_TEST(master_that_rests_is_not_asked)
{
    struct cluster_beat beat;
    begin_pipelines();
    for (int i = 0; i < NODES; i++)
        nodes[i].state = PULSE_3;
    redis_cluster_redirected(cluster, 1, 5000, REDIRECT_LOADING, "LOADING");
    cluster_pulse_write(&pipelines);
    cluster_pipelines_send(&pipelines);
    for (size_t i = 0; i < NODES; i++)
        ck_assert_int_eq(cluster_pulse_take(&pipelines, i, &beat), i != 1);
    end_pipelines();
    ck_assert_ptr_nonnull(redis_cluster_node(cluster, 1)->connection);
}
END_TEST

START_TEST(all_masters_are_asked)
{
    struct cluster_beat beats[NODES];
    begin_pipelines();
    nodes[0].state = PULSE_3;
    nodes[1].state = "-NOPERM this user has no permissions to run the 'cluster|info' command\r\n";
    nodes[2].silent = true;
    cluster_pulse_write(&pipelines);
    cluster_pipelines_send(&pipelines);
    ck_assert(cluster_pulse_take(&pipelines, 0, &beats[0]));
    ck_assert_uint_eq(beats[0].config_epoch, 345);
    ck_assert_uint_eq(beats[0].current_epoch, 9);
    ck_assert_uint_eq(beats[0].connection, redis_cluster_node(cluster, 0)->number);
    for (size_t i = 1; i < NODES; i++) {
        ck_assert(!cluster_pulse_take(&pipelines, i, &beats[i]));
        ck_assert_uint_eq(beats[i].connection, 0);
    }
    end_pipelines();
    ck_assert_int_eq(state_of(5000), SLOT_SERVED);
    ck_assert_int_eq(state_of(10000), SLOT_AWAY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis_cluster");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, open_all, close_all);
    tcase_add_test(all, every_slot_has_its_node);
    tcase_add_test(all, map_of_the_first_that_answers_counts);
    tcase_add_test(all, nobody_has_a_map);
    tcase_add_test(all, node_that_is_cut_off_is_asked_last);
    tcase_add_test(all, older_map_is_not_believed);
    tcase_add_test(all, silent_nodes_cost_a_bounded_time);
    tcase_add_test(all, slow_node_has_no_more_time);
    tcase_add_test(all, another_node_at_the_address_is_not_the_master);
    tcase_add_test(all, shard_has_an_id);
    tcase_add_test(all, lost_connection_is_another_one_afterwards);
    tcase_add_test(all, master_that_is_replaced_is_left);
    tcase_add_test(all, slot_that_has_moved_is_served_by_the_other_node);
    tcase_add_test(all, however_many_redirects_come_maps_are_few);
    tcase_add_loop_test(all, redirect_stops_its_slot_or_its_node_for_a_pause, 0,
                        (int)(sizeof(redirects) / sizeof(redirects[0])));
    tcase_add_test(all, commands_go_to_their_nodes);
    tcase_add_test(all, answers_are_told_apart);
    tcase_add_test(all, node_that_is_lost_does_not_touch_the_others);
    tcase_add_test(all, what_is_not_wanted_is_closed);
    tcase_add_test(all, what_was_not_sent_is_dropped);
    tcase_add_test(all, more_than_half_confirm_what_was_written);
    tcase_add_test(all, masters_agree_on_an_epoch);
    tcase_add_test(all, all_masters_are_asked);
    tcase_add_test(all, master_that_rests_is_not_asked);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
