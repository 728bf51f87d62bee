/* The look-up of a batch's definitions in a real Redis: how much it reads, and in how many round trips. */
#include "tests/embedded/index_stage.h"

enum { WORKSPACES = 60, OPTIONS = 4000, ROOM_MIB = 1 };

static struct definitions_cache *cache;

static void stage_open(void)
{
    redis_open();
    cache = definitions_cache_new(10000, NULL);
    ck_assert_ptr_nonnull(cache);
}

static void stage_close(void)
{
    definitions_cache_free(cache);
    redis_close();
}

/* Gives the workspace ws-NUMBER a set of so many options, and returns its bytes. */
static size_t define(int number, int options)
{
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    ck_assert_ptr_nonnull(out);
    fprintf(out, "[{\"key\":\"services\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < options; i++)
        fprintf(out, "%s{\"key\":\"option-%d-%d\"}", i > 0 ? "," : "", number, i);
    fprintf(out, "]}]");
    fclose(out);
    redisReply *reply = redisCommand(aside, "SET custom-fields:{ws-%d} %b", number, json, size);
    ck_assert_ptr_nonnull(reply);
    freeReplyObject(reply);
    free(json);
    return size;
}

/* The number behind `name` in this section of Redis' INFO. */
static long long info(const char *section, const char *name)
{
    redisReply *reply = redisCommand(aside, "INFO %s", section);
    ck_assert_ptr_nonnull(reply);
    const char *at = strstr(reply->str, name);
    ck_assert_msg(at != NULL, "no %s in %s", name, reply->str);
    const long long value = atoll(at + strlen(name));
    freeReplyObject(reply);
    return value;
}

static long long bytes_sent(void)
{
    return info("stats", "total_net_output_bytes:");
}

static long long ranges_read(void)
{
    return info("commandstats", "cmdstat_getrange:calls=");
}

/* A batch with one command of each workspace from `first` to before `end`. */
static void put_workspaces(int first, int end)
{
    batch_reset(&batch);
    for (int i = first; i < end; i++) {
        put(&(struct command){0, i, "x", "a", "x@example.com"});
        batch.items[batch.count - 1].workspace = arena_format(&batch.arena, "ws-%d", i);
    }
}

/* Looks up all workspaces, as a worker does: those for which there is no room wait for the next batch. Returns the
 * number of batches. */
static int look_up_all(void)
{
    int batches = 0;
    for (int first = 0; first < WORKSPACES; batches++) {
        uint32_t known = 0;
        put_workspaces(first, WORKSPACES);
        ck_assert(index_definitions(the_index, cache, &batch, &known));
        ck_assert_uint_ge(known, 1);
        for (uint32_t i = 0; i < known; i++)
            ck_assert_ptr_nonnull(batch.items[i].definitions);
        first += (int)known;
    }
    return batches;
}

START_TEST(sets_for_which_there_is_no_room_are_not_read)
{
    long long stored = 0;
    for (int i = 0; i < WORKSPACES; i++)
        stored += (long long)define(i, OPTIONS);
    definitions_cache_limit(cache, (size_t)ROOM_MIB << 20);
    const long long before = bytes_sent();
    const int batches = look_up_all();
    const long long sent = bytes_sent() - before;
    ck_assert_int_ge(batches, 5);
    ck_assert_msg(sent <= 2 * stored, "%lld bytes of definitions, %lld sent in %d batches", stored, sent, batches);
}
END_TEST

START_TEST(small_sets_are_read_in_one_round_trip)
{
    for (int i = 0; i < WORKSPACES; i++)
        (void)define(i, 10);
    for (int round = 0; round < 2; round++) { /* an unknown size, then a known one */
        const long long before = ranges_read();
        ck_assert_int_eq(look_up_all(), 1);
        ck_assert_int_eq(ranges_read() - before, WORKSPACES + 1); /* and the epoch, once */
    }
}
END_TEST

/* Redis holds the answers of a round trip until they are read. */
START_TEST(a_round_trip_is_bounded_also_where_the_cache_is_not)
{
    for (int i = 0; i < WORKSPACES; i++)
        (void)define(i, 3 * OPTIONS);
    ck_assert_int_eq(look_up_all(), 1);
    const long long before = ranges_read();
    ck_assert_int_eq(look_up_all(), 1);
    const long long round_trips = ranges_read() - before - WORKSPACES;
    ck_assert_int_ge(round_trips, 3);
    ck_assert_int_le(round_trips, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("the look-up of definitions");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, stage_open, stage_close);
    tcase_add_test(tcase, sets_for_which_there_is_no_room_are_not_read);
    tcase_add_test(tcase, small_sets_are_read_in_one_round_trip);
    tcase_add_test(tcase, a_round_trip_is_bounded_also_where_the_cache_is_not);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
