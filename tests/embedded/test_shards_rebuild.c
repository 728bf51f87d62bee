/* Slots of a cluster that are restored from the record topic: whatever the order in which its partitions are read, the
 * end is the fold of the topic, on each of three real masters; also if one of them dies meanwhile.
 *
 * REBUILD_SEED=number repeats one history, REBUILD_SEEDS=count says how many are tried. */
#include "tests/embedded/cluster_stage.h"
#include "tests/embedded/rebuild_stage.h"
#include "worker/index/shards_rebuild.h"
#include "worker/redis/redis_slot.h"

#define SEEDS 4

static char names[MASTERS][32]; /* of a workspace on each master */
static struct history histories[MASTERS];
static struct shards *shards;
static char why[512];

/* ---- the stage ---- */

static void find_workspaces(void)
{
    for (int i = 0, n = 0; i < MASTERS; n++) {
        snprintf(names[i], sizeof(names[i]), "ws-%d", n);
        const int slot = redis_slot_of(span_of_text(names[i]));
        i += slot >= FIRST_OF(i) && slot <= LAST_OF(i);
    }
}

static void open_cluster(void)
{
    signal(SIGPIPE, SIG_IGN); /* as main does */
    open_all();
    cluster_open();
    find_workspaces();
}

static void close_cluster(void)
{
    shards_close(shards);
    shards = NULL;
    cluster_close();
    close_all();
}

/* All that looks at one server looks at this master, and its workspace. */
static void turn_to(size_t master)
{
    static redisContext *private_one;
    if (!private_one)
        private_one = aside;
    aside = master < MASTERS ? cluster_masters[master].aside : private_one;
    workspace = names[master < MASTERS ? master : 0];
}

static void open_shards_case(const char *name, int at_once)
{
    char servers[256], address[640], topic[256];
    turn_to(MASTERS);
    open_case(name, at_once); /* for its topic and its producer */
    config_free(config);
    index_close(the_index);
    the_index = NULL;
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", broker.address);
    snprintf(topic, sizeof(topic), "records.topic=%s", name);
    cluster_address(address, sizeof(address));
    const char *settings[] = {servers,
                              address,
                              topic,
                              "redis.kind=cluster",
                              "redis.timeout=2s",
                              "log.level=error",
                              "kafka.consumer.fetch.wait.max.ms=10",
                              NULL};
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    for (size_t i = 0; i < MASTERS; i++)
        ck_assert_str_eq(cluster_ask(i, "FLUSHALL"), "OK");
    shards_close(shards);
    shards = shards_open(config);
    ck_assert_ptr_nonnull(shards);
}

static void close_shards_case(void)
{
    shards_close(shards);
    shards = NULL;
    turn_to(MASTERS);
    close_case();
}

static void look_until_all_are_there(void)
{
    unsigned there = 0;
    const int64_t until_ms = clock_now_ms() + CLUSTER_LIMIT;
    while (there < REDIS_SLOTS) {
        ck_assert_int_lt(clock_now_ms(), until_ms);
        there = 0;
        if (shards_look(shards, &scratch, why, sizeof(why)))
            for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
                there += slot_book_connection(shards_book(shards), slot) != 0;
        clock_sleep(there < REDIS_SLOTS ? 20 : 0);
    }
}

static enum shards_finding audit_shards(void)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    for (int32_t i = 0; i < PARTITIONS; i++)
        offsets_set(&progress.committed, i, OFFSET_NONE);
    const enum shards_finding finding = shards_audit(shards, &progress, &scratch, &gap);
    audit_gap_free(&gap);
    kafka_progress_free(&progress);
    return finding;
}

static enum rebuild_result rebuild_shards(index_keep_going *keep_going)
{
    struct offsets committed = {0};
    for (int32_t i = 0; i < PARTITIONS; i++)
        offsets_set(&committed, i, OFFSET_NONE);
    const enum rebuild_result result = shards_rebuild(shards, &committed, &scratch, keep_going, NULL, why, sizeof(why));
    offsets_free(&committed);
    ck_assert_uint_eq(scratch.used, 0);
    return result;
}

static unsigned count_of(enum slot_trust trust)
{
    return slot_book_count(shards_book(shards), 0, trust);
}

static void expect_folds(const char *what)
{
    for (size_t i = 0; i < MASTERS; i++) {
        turn_to(i);
        expect_fold(&histories[i], what);
    }
}

/* ---- random histories ---- */

/* What stands in a master before: nothing, what a worker had left at an earlier time, or that and what was never
 * committed. */
static void leave_something(size_t master)
{
    const unsigned leftovers = draw(3);
    turn_to(master);
    if (leftovers > 0) {
        struct history earlier = histories[master];
        earlier.count = (int)draw((unsigned)earlier.count + 1);
        put_index(&earlier);
    }
    if (leftovers > 1)
        for (int i = 0; i < 4; i++) {
            static const char *const commands[] = {
                "SET client:{%s}:99999999-0000-5000-8000-000000000000 nonsense",
                "SET client-email:{%s}:e0@example.com 99999999-0000-5000-8000-000000000000",
                "RPUSH client:{%s}:00000001-0000-5000-8000-000000000000 list", "SET other:{%s} kept"};
            cluster_ask(master, commands[i], workspace);
        }
}

static void try_histories(uint64_t seed)
{
    int places[PARTITIONS];
    random_state = seed * 2654435761u + 5;
    open_shards_case(case_name(seed, "cluster"), 1 + (int)draw(6));
    shuffle(places);
    for (size_t i = 0; i < MASTERS; i++) {
        invent(&histories[i], draw(2) == 0);
        leave_something(i);
        produce(&histories[i], 0, histories[i].count, places);
    }
    look_until_all_are_there();
    ck_assert_int_eq(audit_shards(), SHARDS_LOST);
    const enum rebuild_result result = rebuild_shards(patient);
    ck_assert_msg(result == REBUILD_DONE, "%d: %s", (int)result, why);
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS);
    expect_folds(case_name(seed, "cluster"));
    close_shards_case();
}

START_TEST(slots_become_the_fold_of_the_topic)
{
    const char *one = getenv("REBUILD_SEED"), *count = getenv("REBUILD_SEEDS");
    const uint64_t seeds = count ? strtoull(count, NULL, 10) : SEEDS;
    for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1, n = 0; n < (one ? 1 : seeds); seed++, n++)
        try_histories(seed);
}
END_TEST

/* ---- disturbed ---- */

/* A topic with a history of each master's workspace. Redis has nothing of it, so all slots are to be restored. */
static void open_lost_case(const char *name, uint64_t seed)
{
    int places[PARTITIONS] = {0, 1, 2, 3};
    random_state = seed;
    open_shards_case(name, 1);
    for (size_t i = 0; i < MASTERS; i++) {
        turn_to(i);
        invent(&histories[i], true);
        produce(&histories[i], 0, histories[i].count, places);
    }
    look_until_all_are_there();
    ck_assert_int_eq(audit_shards(), SHARDS_LOST);
}

static bool kill_one(void *listener)
{
    (void)listener;
    if (cluster_masters[1].process)
        cluster_kill(1);
    return true;
}

START_TEST(master_that_dies_takes_its_slots_along)
{
    open_lost_case("dies", 77);
    ck_assert_int_eq(rebuild_shards(kill_one), REBUILD_DONE);
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS - 5462);
    cluster_start(1);
    cluster_await(cluster_is_whole());
    look_until_all_are_there();
    ck_assert_int_eq(audit_shards(), SHARDS_LOST);
    ck_assert_uint_eq(count_of(TRUST_LOST), 5462);
    const enum rebuild_result result = rebuild_shards(patient);
    ck_assert_msg(result == REBUILD_DONE, "%d: %s", (int)result, why);
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS);
    expect_folds("dies");
    close_shards_case();
}
END_TEST

static bool impatient(void *listener)
{
    (void)listener;
    return false;
}

START_TEST(rebuild_that_was_ended_is_begun_again)
{
    open_lost_case("ended", 78);
    ck_assert_int_eq(rebuild_shards(impatient), REBUILD_ENDED);
    ck_assert_uint_eq(count_of(TRUST_SOUND), 0);
    ck_assert_int_eq(rebuild_shards(patient), REBUILD_DONE); /* without waiting for its own tokens */
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS);
    ck_assert_int_eq(rebuild_shards(patient), REBUILD_BY_OTHER); /* there is nothing to do */
    expect_folds("ended");
    close_shards_case();
}
END_TEST

START_TEST(single_slot_is_restored_alone)
{
    open_lost_case("single", 79);
    ck_assert_int_eq(rebuild_shards(patient), REBUILD_DONE);
    const unsigned slot = redis_slot_of(span_of_text(names[2]));
    cluster_ask(2, "HDEL client-intake:{%s}:fence epoch", redis_slot_tag(slot).at);
    cluster_ask(2, "SET client:{%s}:99999999-0000-5000-8000-000000000000 nonsense", names[2]);
    cluster_ask(1, "SET client:{%s}:99999999-0000-5000-8000-000000000000 stays", names[1]);
    shards_close(shards);
    shards = shards_open(config);
    look_until_all_are_there();
    ck_assert_int_eq(audit_shards(), SHARDS_LOST);
    ck_assert_uint_eq(count_of(TRUST_LOST), 1);
    ck_assert_int_eq(rebuild_shards(patient), REBUILD_DONE);
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS);
    ck_assert_str_eq(cluster_ask(1, "GET client:{%s}:99999999-0000-5000-8000-000000000000", names[1]), "stays");
    cluster_ask(1, "DEL client:{%s}:99999999-0000-5000-8000-000000000000", names[1]);
    expect_folds("single");
    close_shards_case();
}
END_TEST

static void define(const char *name, const char *set)
{
    ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->definitions.topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_KEY((void *)(uintptr_t)name, strlen(name)),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)set, set ? strlen(set) : 0), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* As a replica has them that is promoted: those of a while ago. What nobody has put is not the topic's. */
START_TEST(definitions_of_an_earlier_state_are_replaced)
{
    open_lost_case("definitions", 81);
    define(names[0], "[1]");
    define(names[0], "[2]");
    define(names[1], "[1]");
    define(names[2], "[1]");
    define(names[2], NULL);
    ck_assert_int_eq(rd_kafka_flush(producer, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
    cluster_ask(0, "SET custom-fields:{%s} [1]", names[0]);
    cluster_ask(1, "SET custom-fields:{%s} [7]", names[1]);
    cluster_ask(2, "SET custom-fields:{%s} [1]", names[2]);
    const enum rebuild_result result = rebuild_shards(patient);
    ck_assert_msg(result == REBUILD_DONE, "%d: %s", (int)result, why);
    ck_assert_str_eq(cluster_ask(0, "GET custom-fields:{%s}", names[0]), "[2]");
    ck_assert_str_eq(cluster_ask(1, "GET custom-fields:{%s}", names[1]), "[7]");
    ck_assert_str_eq(cluster_ask(2, "EXISTS custom-fields:{%s}", names[2]), "0");
    expect_folds("definitions");
    close_shards_case();
}
END_TEST

static bool reads(void *listener)
{
    (void)listener;
    ck_abort_msg("the record topic is read");
    return true;
}

/* What is written there would be refused, since its keys may be on either side. */
START_TEST(slot_that_is_on_its_way_waits_without_a_reading)
{
    open_lost_case("moving", 80);
    ck_assert_int_eq(rebuild_shards(patient), REBUILD_DONE);
    const unsigned slot = redis_slot_of(span_of_text(names[2]));
    cluster_ask(1, "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster_masters[2].id);
    cluster_ask(2, "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster_masters[1].id);
    cluster_ask(2, "HDEL client-intake:{%s}:fence epoch", redis_slot_tag(slot).at);
    shards_close(shards);
    shards = shards_open(config);
    look_until_all_are_there();
    ck_assert_int_eq(audit_shards(), SHARDS_LOST);
    ck_assert_int_eq(rebuild_shards(reads), REBUILD_BY_OTHER);
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS - 1);
    cluster_ask(1, "CLUSTER SETSLOT %u STABLE", slot);
    cluster_ask(2, "CLUSTER SETSLOT %u STABLE", slot);
    cluster_await(audit_shards() == SHARDS_LOST && rebuild_shards(patient) == REBUILD_DONE); /* behind a pause */
    ck_assert_uint_eq(count_of(TRUST_SOUND), REDIS_SLOTS);
    expect_folds("moving");
    close_shards_case();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards_rebuild");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_unchecked_fixture(all, open_cluster, close_cluster);
    tcase_add_test(all, slots_become_the_fold_of_the_topic);
    tcase_add_test(all, single_slot_is_restored_alone);
    tcase_add_test(all, rebuild_that_was_ended_is_begun_again);
    tcase_add_test(all, slot_that_is_on_its_way_waits_without_a_reading);
    tcase_add_test(all, definitions_of_an_earlier_state_are_replaced);
    tcase_add_test(all, master_that_dies_takes_its_slots_along);
    suite_add_tcase(suite, all);
    (void)add_case;
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
