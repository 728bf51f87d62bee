/* The map of a cluster, of what CLUSTER SLOTS says: of Redis 6, 7 and Valkey, of a fresh cluster, and of one that lies.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_check.h"
#include "worker/redis/cluster_map.h"

static const struct redis_place asked = {"10.1.1.1", 7000};
static char error[256];

static redisReply *parse(const char *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    ck_assert_int_eq(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    ck_assert_msg(redisReaderGetReply(reader, &reply) == REDIS_OK && reply, "%s", text);
    redisReaderFree(reader);
    return reply;
}

/* The map of an answer in Redis' protocol; NULL if it is refused. */
static struct cluster_map *map_of(const char *text)
{
    redisReply *reply = parse(text);
    struct cluster_map *map = cluster_map_read(reply, &asked, error, sizeof(error));
    freeReplyObject(reply);
    return map;
}

#define ck_refused(text, why)                                                                                          \
    do {                                                                                                               \
        ck_assert_ptr_null(map_of(text));                                                                              \
        ck_assert_str_eq(error, "CLUSTER SLOTS: " why);                                                                \
    } while (0)

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccc"

#define SIX(host_size, host, port, id)   "*3\r\n$" host_size "\r\n" host "\r\n:" port "\r\n$40\r\n" id "\r\n"
#define SEVEN(host_size, host, port, id) "*4\r\n$" host_size "\r\n" host "\r\n:" port "\r\n$40\r\n" id "\r\n*0\r\n"
#define RANGE(first, last, nodes, ...)   "*" nodes "\r\n:" first "\r\n:" last "\r\n" __VA_ARGS__

START_TEST(whole_cluster)
{
    struct cluster_map *map =
        map_of("*3\r\n" RANGE("10923", "16383", "3", SIX("8", "10.0.0.3", "6379", ID_C)) //
               RANGE("0", "5460", "5",
                     SIX("8", "10.0.0.1", "6379", ID_A) SIX("8", "10.0.0.4", "6379", ID_B)
                         SIX("8", "10.0.0.5", "6379", ID_C)) //
               RANGE("5461", "10922", "4", SIX("3", "::1", "6380", ID_B) SIX("8", "10.0.0.6", "6379", ID_A)));
    static const struct {
        const char *id, *place;
        unsigned lowest, slots, replicas;
    } masters[] = {{ID_A, "10.0.0.1:6379", 0, 5461, 2},
                   {ID_B, "[::1]:6380", 5461, 5462, 1},
                   {ID_C, "10.0.0.3:6379", 10923, 5461, 0}};
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(map->count, 3);
    ck_assert_uint_eq(map->unserved, 0);
    for (uint16_t i = 0; i < 3; i++) {
        const struct cluster_master *master = &map->masters[i];
        char place[REDIS_PLACE_BYTES];
        redis_place_text(&master->place, place);
        ck_assert_str_eq(master->id, masters[i].id);
        ck_assert_str_eq(place, masters[i].place);
        ck_assert_uint_eq(master->lowest, masters[i].lowest);
        ck_assert_uint_eq(master->slots, masters[i].slots);
        ck_assert_uint_eq(master->replicas, masters[i].replicas);
        ck_assert_uint_eq(cluster_map_find(map, masters[i].id), i);
        ck_assert_uint_eq(map->owner[master->lowest], i);
        ck_assert_uint_eq(map->owner[master->lowest + master->slots - 1], i);
    }
    ck_assert_uint_eq(cluster_map_find(map, "dddddddddddddddddddddddddddddddddddddddd"), CLUSTER_NO_MASTER);
    static const struct {
        const char *id, *place;
        uint16_t master;
    } replicas[] = {{ID_B, "10.0.0.4:6379", 0}, {ID_C, "10.0.0.5:6379", 0}, {ID_A, "10.0.0.6:6379", 1}};
    ck_assert_uint_eq(map->replica_count, 3);
    for (size_t i = 0; i < 3; i++) {
        char place[REDIS_PLACE_BYTES];
        redis_place_text(&map->replicas[i].place, place);
        ck_assert_str_eq(map->replicas[i].id, replicas[i].id);
        ck_assert_str_eq(place, replicas[i].place);
        ck_assert_uint_eq(map->replicas[i].master, replicas[i].master);
    }
    cluster_map_free(map);
}
END_TEST

START_TEST(replica_without_a_place_is_one)
{
    struct cluster_map *map =
        map_of("*2\r\n" RANGE("0", "1", "4", SIX("8", "10.0.0.1", "6379", ID_A) SIX("1", "?", "6379", ID_B)) //
               RANGE("5", "6", "4", SIX("8", "10.0.0.1", "6379", ID_A) SIX("1", "?", "6379", ID_B)));
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(map->replica_count, 1);
    ck_assert_int_eq(map->replicas[0].place.port, 0);
    ck_assert_str_eq(map->replicas[0].id, "");
    cluster_map_free(map);
}
END_TEST

START_TEST(scattered_slots_and_slots_of_nobody)
{
    struct cluster_map *map = map_of("*4\r\n" RANGE("16383", "16383", "3", SEVEN("1", "a", "1", ID_A)) //
                                     RANGE("10", "19", "3", SEVEN("1", "b", "65535", ID_B))            //
                                     RANGE("1", "8", "4", SEVEN("1", "a", "1", ID_A) SEVEN("1", "c", "1", ID_C))
                                         RANGE("21", "16000", "3", SEVEN("1", "b", "65535", ID_B)));
    char text[64];
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(map->count, 2);
    ck_assert_str_eq(map->masters[0].id, ID_A);
    ck_assert_uint_eq(map->masters[0].slots, 9);
    ck_assert_uint_eq(map->masters[0].lowest, 1);
    ck_assert_uint_eq(map->masters[0].replicas, 1);
    ck_assert_uint_eq(map->masters[1].slots, 15990);
    ck_assert_uint_eq(map->unserved, 16384 - 9 - 15990);
    ck_assert_uint_eq(map->owner[0], CLUSTER_NO_MASTER);
    ck_assert_uint_eq(map->owner[16383], 0);
    ck_assert_uint_eq(map->owner[21], 1);
    cluster_map_unserved_text(map, text, sizeof(text));
    ck_assert_str_eq(text, "0, 9, 20, 16001-16382");
    cluster_map_unserved_text(map, text, 8);
    ck_assert_str_eq(text, "0, 9, 2");
    cluster_map_free(map);
}
END_TEST

START_TEST(cluster_without_slots)
{
    char text[64];
    struct cluster_map *map = map_of("*0\r\n");
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(map->count, 0);
    ck_assert_uint_eq(map->unserved, REDIS_SLOTS);
    cluster_map_unserved_text(map, text, sizeof(text));
    ck_assert_str_eq(text, "0-16383");
    cluster_map_free(map);
}
END_TEST

#define NODE_OF(host, more) "*4\r\n" host ":6379\r\n$40\r\n" ID_A "\r\n" more
#define HOSTNAME            "*2\r\n$8\r\nhostname\r\n$4\r\nr1.x\r\n"
#define ADDRESS             "*4\r\n$8\r\nhostname\r\n$0\r\n\r\n$2\r\nip\r\n$8\r\n10.0.0.9\r\n"

/* What a node says of its host, by its settings, and where it is then. */
static const struct {
    const char *node, *place;
} hosts[] = {
    {NODE_OF("$8\r\n10.0.0.1\r\n", HOSTNAME), "10.0.0.1:6379"},    /* it prefers its address */
    {NODE_OF("$4\r\nr1.x\r\n", ADDRESS), "r1.x:6379"},             /* it prefers its name */
    {NODE_OF("$1\r\n?\r\n", ADDRESS), "10.0.0.9:6379"},            /* it prefers a name and has none */
    {NODE_OF("$0\r\n\r\n", "*0\r\n"), "10.1.1.1:6379"},            /* it does not know its address */
    {NODE_OF("$-1\r\n", ADDRESS), "10.1.1.1:6379"},                /* unknown-endpoint */
    {NODE_OF("*-1\r\n", ADDRESS), "10.1.1.1:6379"},                /* as Redis 7.0 writes nothing */
    {NODE_OF("+10.0.0.1\r\n", "*1\r\n+odd\r\n"), "10.0.0.1:6379"}, /* a status, and a list that is cut */
};

START_TEST(host_is_the_one_that_the_node_prefers)
{
    char text[512], place[REDIS_PLACE_BYTES];
    snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:16383\r\n%s", hosts[_i].node);
    struct cluster_map *map = map_of(text);
    ck_assert_msg(map != NULL, "%s", error);
    redis_place_text(&map->masters[0].place, place);
    ck_assert_str_eq(place, hosts[_i].place);
    cluster_map_free(map);
}
END_TEST

START_TEST(refusals_of_redis_are_passed_on)
{
    ck_refused("-ERR This instance has cluster support disabled\r\n", "ERR This instance has cluster support disabled");
    ck_refused("-NOPERM this user has no permissions\r\n", "NOPERM this user has no permissions");
}
END_TEST

START_TEST(lies_are_refused)
{
    static const char no_list[] = "CLUSTER SLOTS: the answer is no list of ranges",
                      no_range[] = "CLUSTER SLOTS: a range is not a list of two slots and a node",
                      no_node[] = "CLUSTER SLOTS: a node is not a list of a host, a port and an id",
                      no_id[] = "CLUSTER SLOTS: the id of a node is not of 40 hexadecimal digits",
                      no_host[] = "CLUSTER SLOTS: the host of a node is neither a name nor an address";
    static const struct {
        const char *text, *error;
    } lies[] = {
        {"+OK\r\n", no_list},
        {"$-1\r\n", no_list},
        {":1\r\n", no_list},
        {"*1\r\n:1\r\n", no_range},
        {"*1\r\n*0\r\n", no_range},
        {"*1\r\n*2\r\n:0\r\n:1\r\n", no_range},
        {"*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*0\r\n", no_range},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n", no_node},
        {"*1\r\n*3\r\n:0\r\n:1\r\n:7\r\n", no_node},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n", no_node},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n$1\r\nh\r\n$1\r\n1\r\n$40\r\n" ID_A "\r\n", no_node},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n$1\r\nh\r\n:1\r\n$3\r\nabc\r\n", no_id},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n$1\r\nh\r\n:1\r\n$40\r\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n", no_id},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n$1\r\nh\r\n:1\r\n:5\r\n", no_id},
        {"*1\r\n" RANGE("0", "1", "3", SIX("5", "a b c", "1", ID_A)), no_host},
        {"*1\r\n" RANGE("0", "1", "3", SIX("2", "\xc3\xa4", "1", ID_A)), no_host},
        {"*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n:5\r\n:1\r\n$40\r\n" ID_A "\r\n", no_host},
        {"*1\r\n" RANGE("0", "1", "3", SIX("1", "?", "1", ID_A)),
         "CLUSTER SLOTS: a node has no host (cluster-announce-hostname)"},
        {"*1\r\n*3\r\n:0\r\n:1\r\n" NODE_OF("$1\r\n?\r\n", "*1\r\n$2\r\nip\r\n"),
         "CLUSTER SLOTS: a node has no host (cluster-announce-hostname)"},
        {"*1\r\n" RANGE("0", "1", "3", SIX("1", "h", "0", ID_A)), "CLUSTER SLOTS: the port of a node is 0"},
        {"*1\r\n" RANGE("0", "1", "3", SIX("1", "h", "65536", ID_A)), "CLUSTER SLOTS: the port of a node is 65536"},
        {"*1\r\n" RANGE("0", "1", "3", SIX("1", "h", "-1", ID_A)), "CLUSTER SLOTS: the port of a node is -1"},
        {"*1\r\n" RANGE("0", "1", "3", SIX("1", "h", "4295033675", ID_A)),
         "CLUSTER SLOTS: the port of a node is 4295033675"},
        {"*1\r\n" RANGE("2", "1", "3", SIX("1", "h", "1", ID_A)), "CLUSTER SLOTS: 2 to 1 is no range of slots"},
        {"*1\r\n" RANGE("-1", "1", "3", SIX("1", "h", "1", ID_A)), "CLUSTER SLOTS: -1 to 1 is no range of slots"},
        {"*1\r\n" RANGE("0", "16384", "3", SIX("1", "h", "1", ID_A)), "CLUSTER SLOTS: 0 to 16384 is no range of slots"},
        {"*2\r\n" RANGE("0", "9", "3", SIX("1", "h", "1", ID_A)) RANGE("9", "10", "3", SIX("1", "i", "1", ID_B)),
         "CLUSTER SLOTS: slot 9 comes twice"},
        {"*2\r\n" RANGE("0", "9", "3", SIX("1", "h", "1", ID_A)) RANGE("10", "11", "3", SIX("1", "h", "2", ID_A)),
         "CLUSTER SLOTS: a node is at two addresses"},
    };
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        ck_assert_msg(map_of(lies[i].text) == NULL, "%s", lies[i].text);
        ck_assert_str_eq(error, lies[i].error);
    }
}
END_TEST

/* The answer of a cluster of so many masters with so many slots each. */
static char *large(unsigned masters, unsigned slots)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    fprintf(out, "*%u\r\n", masters * slots);
    for (unsigned i = 0; i < masters * slots; i++)
        fprintf(out, "*3\r\n:%u\r\n:%u\r\n*3\r\n$4\r\nhost\r\n:%u\r\n$40\r\n%040x\r\n", i, i, i % masters + 1,
                i % masters);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

START_TEST(thousands_of_nodes_are_refused)
{
    char *text = large(CLUSTER_MASTERS_MOST, REDIS_SLOTS / CLUSTER_MASTERS_MOST);
    struct cluster_map *map = map_of(text);
    free(text);
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(map->count, CLUSTER_MASTERS_MOST);
    for (uint16_t i = 0; i < map->count; i++) {
        ck_assert_int_eq(map->masters[i].place.port, i + 1);
        ck_assert_uint_eq(map->owner[CLUSTER_MASTERS_MOST + i], i);
    }
    cluster_map_free(map);
    text = large(CLUSTER_MASTERS_MOST + 1, 1);
    ck_refused(text, "more than 500 masters");
    free(text);
    text = large(REDIS_SLOTS + 1, 1);
    ck_refused(text, "the answer is no list of ranges");
    free(text);
}
END_TEST

START_TEST(host_of_any_length_is_bounded)
{
    char text[2048], host[REDIS_HOST_BYTES + 1] = "";
    memset(host, 'h', REDIS_HOST_BYTES);
    snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n$256\r\n%s\r\n:1\r\n$40\r\n" ID_A "\r\n", host);
    ck_refused(text, "the host of a node is neither a name nor an address");
    snprintf(text, sizeof(text), "*1\r\n*3\r\n:0\r\n:1\r\n*3\r\n$255\r\n%s\r\n:1\r\n$40\r\n" ID_A "\r\n", host + 1);
    struct cluster_map *map = map_of(text);
    ck_assert_ptr_nonnull(map);
    ck_assert_uint_eq(strlen(map->masters[0].place.host), REDIS_HOST_BYTES - 1);
    cluster_map_free(map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_map");
    TCase *all = tcase_create("all");
    tcase_add_test(all, whole_cluster);
    tcase_add_test(all, replica_without_a_place_is_one);
    tcase_add_test(all, scattered_slots_and_slots_of_nobody);
    tcase_add_test(all, cluster_without_slots);
    tcase_add_loop_test(all, host_is_the_one_that_the_node_prefers, 0, (int)(sizeof(hosts) / sizeof(hosts[0])));
    tcase_add_test(all, refusals_of_redis_are_passed_on);
    tcase_add_test(all, lies_are_refused);
    tcase_add_test(all, thousands_of_nodes_are_refused);
    tcase_add_test(all, host_of_any_length_is_bounded);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
