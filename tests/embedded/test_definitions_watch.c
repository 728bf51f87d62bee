/* The definitions cache on a real Redis: once Redis has replied to a change, no look-up uses the old set. A set that
 * did not change is not read again. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/folder.h"
#include "common/stop.h"
#include "worker/commands/private_redis.h"
#include "worker/index/index.h"
#include "worker/redis/redis_connection.h"

#define ONE_FIELD  "[{\"key\":\"a\",\"type\":\"text\"}]"
#define TWO_FIELDS "[{\"key\":\"a\",\"type\":\"text\"},{\"key\":\"b\",\"type\":\"text\"}]"
#define CAPACITY   8
#define WAIT_MS    60000
#define MISSING    (-1)
#define BROKEN     (-2)

static char folder[512];
static struct private_redis redis;
static struct config *config;
static struct definitions_watch *watch;
static redisContext *aside; /* a second connection, for looking and meddling */

/* What a worker thread has of its own. */
struct reader {
    struct index *index;
    struct definitions_cache *cache;
    struct batch batch;
};
static struct reader reader;

static void pause_ms(int64_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* A command on the second connection, which must be answered without an error. Returns its integer, if it is one. */
static long long interfere(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(aside, format, arguments);
    va_end(arguments);
    ck_assert_msg(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", format, reply ? reply->str : aside->errstr);
    long long answer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);
    return answer;
}

static void connect_aside(void)
{
    aside = redisConnectUnix(redis.address + strlen("unix:"));
    ck_assert_int_eq(aside->err, 0);
}

static void reader_open(struct reader *self)
{
    self->index = index_open(config);
    self->cache = definitions_cache_new(CAPACITY, watch);
    ck_assert_int_eq(batch_open(&self->batch, 100, 1 << 20, 1 << 16), 0);
    ck_assert(self->index && self->cache && index_connect(self->index) && index_trust(self->index, 1));
}

static void reader_close(struct reader *self)
{
    index_close(self->index);
    definitions_cache_free(self->cache);
    batch_close(&self->batch);
}

static void wait_for_watch(void)
{
    for (int waited = 0; !definitions_watch_catch_up(watch, NULL, WAIT_MS); waited++) {
        ck_assert_int_lt(waited, 6000); /* if the connection is lost, it fails at once */
        pause_ms(10);
    }
}

static void redis_open(void)
{
    char why[256], address[640];
    stop_on_signals();
    ck_assert(folder_make_temporary("client-intake-watch", folder, sizeof(folder)));
    ck_assert_msg(private_redis_start(&redis, folder, why, sizeof(why)), "%s", why);
    snprintf(address, sizeof(address), "redis.address=%s", redis.address);
    const char *settings[] = {address, "redis.timeout=2s", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    connect_aside();
    watch = definitions_watch_open(config);
    ck_assert_ptr_nonnull(watch);
    wait_for_watch();
    reader_open(&reader);
}

static void redis_close(void)
{
    reader_close(&reader);
    ck_assert(definitions_watch_end(watch, &(struct timespec){INT32_MAX, 0}));
    definitions_watch_free(watch);
    redisFree(aside);
    config_free(config);
    private_redis_stop(&redis);
    folder_remove(folder);
}

/* Looks workspaces up as one batch. Returns how many fields the first has, MISSING or BROKEN. */
static int look_up_by(struct reader *self, const char *const *workspaces, size_t count)
{
    batch_reset(&self->batch);
    for (size_t i = 0; i < count; i++)
        self->batch.items[self->batch.count++] = (struct item){.workspace = span_of_text(workspaces[i])};
    uint32_t known = 0;
    for (int tries = 0;
         !index_connect(self->index) || !(index_is_verified(self->index) || index_trust(self->index, 1)) ||
         !index_definitions(self->index, self->cache, &self->batch, &known);
         tries++) {
        ck_assert_int_lt(tries, 1000);
        pause_ms(10);
    }
    const struct item *item = &self->batch.items[0];
    return item->definitions ? (int)item->definitions->count : item->definitions_broken ? BROKEN : MISSING;
}

static int look_up(const char *workspace)
{
    return look_up_by(&reader, &workspace, 1);
}

static struct definitions_counts counts(void)
{
    return definitions_cache_counts(reader.cache);
}

/* How many look-ups were read from Redis while `workspace` gave `expected`. */
static uint64_t reads(const char *workspace, int expected)
{
    uint64_t before = counts().misses;
    ck_assert_int_eq(look_up(workspace), expected);
    return counts().misses - before;
}

/* ---- what did not change ---- */

/* Calls of a command since Redis was started, by its own statistics. */
static int calls_of(const char *command)
{
    char name[64];
    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    redisReply *reply = redisCommand(aside, "INFO commandstats");
    const char *found = strstr(reply->str, name);
    int calls = found ? atoi(found + strlen(name)) : 0;
    freeReplyObject(reply);
    return calls;
}

START_TEST(what_did_not_change_is_not_read_again)
{
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    ck_assert_uint_eq(reads("acme", 1), 1);
    int before = calls_of("mget");
    for (int i = 0; i < 50; i++)
        ck_assert_uint_eq(reads("acme", 1), 0);
    ck_assert_int_eq(calls_of("mget"), before);
    ck_assert_uint_eq(counts().hits, 50);
    ck_assert_uint_eq(counts().misses, 1);
    ck_assert_uint_eq(counts().compiled, 1);
}
END_TEST

START_TEST(absence_is_remembered)
{
    ck_assert_uint_eq(reads("acme", MISSING), 1);
    ck_assert_uint_eq(reads("acme", MISSING), 0);
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    ck_assert_uint_eq(reads("acme", 1), 1);
}
END_TEST

START_TEST(a_broken_set_is_remembered)
{
    interfere("SET custom-fields:{acme} nonsense");
    ck_assert_uint_eq(reads("acme", BROKEN), 1);
    ck_assert_uint_eq(reads("acme", BROKEN), 0);
    interfere("SET custom-fields:{acme} %s", TWO_FIELDS);
    ck_assert_uint_eq(reads("acme", 2), 1);
    ck_assert_uint_eq(counts().broken, 1);
}
END_TEST

START_TEST(other_keys_do_not_matter)
{
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    look_up("acme");
    interfere("SET custom-fields:{other} %s", ONE_FIELD);
    interfere("SET client:{acme}:1 x");
    interfere("SET custom-fields:{acme}x y");
    interfere("SET custom-fields: y");
    interfere("SET custom-fields:{ y");
    ck_assert_uint_eq(reads("acme", 1), 0);
}
END_TEST

START_TEST(the_same_bytes_again_are_read_but_not_compiled)
{
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    look_up("acme");
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    ck_assert_uint_eq(reads("acme", 1), 1);
    ck_assert_uint_eq(counts().compiled, 1);
    ck_assert_uint_eq(counts().invalidated, 1);
}
END_TEST

START_TEST(a_batch_reads_each_workspace_once_and_all_in_one_go)
{
    interfere("SET custom-fields:{a} %s", ONE_FIELD);
    static const char *const workspaces[] = {"a", "b", "a", "c", "b", "a"};
    ck_assert_int_eq(look_up_by(&reader, workspaces, 6), 1);
    ck_assert_uint_eq(counts().misses, 3);
    ck_assert_ptr_eq(reader.batch.items[2].definitions, reader.batch.items[0].definitions);
    ck_assert_ptr_eq(reader.batch.items[5].definitions, reader.batch.items[0].definitions);
    ck_assert_ptr_null(reader.batch.items[1].definitions);
}
END_TEST

START_TEST(the_least_recently_used_goes)
{
    char names[CAPACITY + 1][16];
    for (int i = 0; i <= CAPACITY; i++) {
        snprintf(names[i], sizeof(names[i]), "w%d", i);
        look_up(names[i]);
    }
    look_up(names[1]);
    ck_assert_uint_eq(counts().evicted, 1);
    ck_assert_uint_eq(reads(names[CAPACITY], MISSING), 0);
    ck_assert_uint_eq(reads(names[1], MISSING), 0);
    ck_assert_uint_eq(reads(names[0], MISSING), 1);
    look_up(names[1]);
    ck_assert_uint_eq(reads(names[2], MISSING), 1);
    ck_assert_uint_eq(counts().evicted, 2);
}
END_TEST

/* ---- what changed: each way, told in one row ---- */

#define COMMANDS 4
static const struct change {
    const char *name;
    const char *before[COMMANDS]; /* make the state of which a look-up gives `first` */
    int first;
    const char *commands[COMMANDS]; /* change it */
    int then;
} changes[] = {
    {"SET", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"SET custom-fields:{acme} " TWO_FIELDS}, 2},
    {"SET of what was not there", {NULL}, MISSING, {"SET custom-fields:{acme} " TWO_FIELDS}, 2},
    {"DEL", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"DEL custom-fields:{acme}"}, MISSING},
    {"UNLINK", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"UNLINK custom-fields:{acme}"}, MISSING},
    {"GETDEL", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"GETDEL custom-fields:{acme}"}, MISSING},
    {"RENAME away", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"RENAME custom-fields:{acme} x"}, MISSING},
    {"RENAME here", {"SET x " ONE_FIELD}, MISSING, {"RENAME x custom-fields:{acme}"}, 1},
    {"COPY here", {"SET x " ONE_FIELD}, MISSING, {"COPY x custom-fields:{acme}"}, 1},
    {"MOVE away", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"MOVE custom-fields:{acme} 1"}, MISSING},
    {"APPEND",
     {"SET custom-fields:{acme} [{\"key\":\"a\""},
     BROKEN,
     {"APPEND custom-fields:{acme} ,\"type\":\"text\"}]"},
     1},
    {"MSET", {NULL}, MISSING, {"MSET a 1 custom-fields:{acme} " ONE_FIELD}, 1},
    {"MULTI and EXEC", {NULL}, MISSING, {"MULTI", "SET custom-fields:{acme} " ONE_FIELD, "EXEC"}, 1},
    {"EVAL",
     {"SET x " TWO_FIELDS},
     MISSING,
     {"EVAL redis.call('SET',KEYS[1],redis.call('GET',KEYS[2])) 2 custom-fields:{acme} x"},
     2},
    {"LPUSH, which makes it no string",
     {"SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"DEL custom-fields:{acme}", "LPUSH custom-fields:{acme} x"},
     MISSING},
    {"EXPIRE in the past", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"EXPIREAT custom-fields:{acme} 1"}, MISSING},
    {"FLUSHALL", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"FLUSHALL"}, MISSING},
    {"FLUSHALL ASYNC", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"FLUSHALL ASYNC"}, MISSING},
    {"FLUSHDB", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"FLUSHDB"}, MISSING},
    {"FLUSHDB and SET",
     {"SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"FLUSHDB", "SET custom-fields:{acme} " TWO_FIELDS},
     2},
    {"FLUSHDB, with the mark put back",
     {"SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"COPY client-intake:epoch m DB 1", "FLUSHDB", "SELECT 1", "COPY m client-intake:epoch DB 0"},
     MISSING},
    {"SWAPDB", {"SET custom-fields:{acme} " ONE_FIELD}, 1, {"SWAPDB 0 1"}, MISSING},
    {"SWAPDB with a database that has a set",
     {"SELECT 1", "SET custom-fields:{acme} " TWO_FIELDS, "SELECT 0", "SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"SWAPDB 0 1"},
     2},
    {"SWAPDB with a database that has a mark of the same form",
     {"SELECT 1", "MSET client-intake:epoch 0123456789abcdef0123456789abcdef custom-fields:{acme} " TWO_FIELDS,
      "SELECT 0", "SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"SWAPDB 1 0"},
     2},
    {"SWAPDB to and fro, with a change between",
     {"SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"SWAPDB 0 1", "SELECT 1", "SET custom-fields:{acme} " TWO_FIELDS, "SWAPDB 1 0"},
     2},
    {"CLIENT KILL of the watch",
     {"SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"CLIENT KILL TYPE pubsub", "SET custom-fields:{acme} " TWO_FIELDS},
     2},
    {"a change, then CLIENT KILL of everybody else",
     {"SET custom-fields:{acme} " ONE_FIELD},
     1,
     {"SET custom-fields:{acme} " TWO_FIELDS, "CLIENT KILL TYPE pubsub", "CLIENT KILL TYPE normal"},
     2},
};

static void run(const char *const *commands)
{
    for (size_t i = 0; i < COMMANDS && commands[i]; i++)
        interfere(commands[i]);
}

START_TEST(after_a_change_was_answered_the_old_set_is_gone)
{
    const struct change *change = &changes[_i];
    run(change->before);
    ck_assert_msg(look_up("acme") == change->first, "%s: before", change->name);
    ck_assert_msg(look_up("acme") == change->first, "%s: before, again", change->name);
    run(change->commands);
    int then = look_up("acme");
    ck_assert_msg(then == change->then, "%s: %d, not %d", change->name, then, change->then);
    wait_for_watch();
    ck_assert_int_eq(look_up("acme"), change->then);
    /* What is no string is asked for each time. */
    if (strncmp(change->name, "LPUSH", 5) != 0)
        ck_assert_uint_eq(reads("acme", change->then), 0);
}
END_TEST

START_TEST(a_time_to_live_ends_by_our_clock)
{
    interfere("SET custom-fields:{acme} %s PX 400", ONE_FIELD);
    ck_assert_uint_eq(reads("acme", 1), 1);
    ck_assert_uint_eq(reads("acme", 1), 0);
    pause_ms(450);
    ck_assert_int_eq(look_up("acme"), MISSING);
}
END_TEST

START_TEST(a_time_to_live_that_is_taken_back_does_not_end)
{
    interfere("SET custom-fields:{acme} %s PX 300", ONE_FIELD);
    look_up("acme");
    interfere("PERSIST custom-fields:{acme}");
    ck_assert_uint_eq(reads("acme", 1), 1);
    pause_ms(350);
    ck_assert_uint_eq(reads("acme", 1), 0);
}
END_TEST

/* ---- trouble with the watch ---- */

START_TEST(without_a_watch_everything_is_read)
{
    definitions_cache_free(reader.cache);
    reader.cache = definitions_cache_new(CAPACITY, NULL);
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    ck_assert_uint_eq(reads("acme", 1), 1);
    ck_assert_uint_eq(reads("acme", 1), 1);
    ck_assert_uint_eq(counts().compiled, 1);
}
END_TEST

START_TEST(a_watch_that_may_not_watch_is_as_good_as_none)
{
    interfere("ACL SETUSER default -client");
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    struct definitions_watch *blind = definitions_watch_open(config);
    definitions_cache_free(reader.cache);
    reader.cache = definitions_cache_new(CAPACITY, blind);
    pause_ms(100);
    ck_assert_uint_eq(reads("acme", 1), 1);
    ck_assert_uint_eq(reads("acme", 1), 1);
    interfere("SET custom-fields:{acme} %s", TWO_FIELDS);
    ck_assert_uint_eq(reads("acme", 2), 1);
    ck_assert(definitions_watch_end(blind, &(struct timespec){INT32_MAX, 0}));
    definitions_watch_free(blind);
}
END_TEST

START_TEST(redis_is_killed_and_comes_back_with_other_data)
{
    char why[256];
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    look_up("acme");
    for (int round = 0; round < 3; round++) {
        private_redis_stop(&redis);
        ck_assert_msg(private_redis_start(&redis, folder, why, sizeof(why)), "%s", why);
        redisFree(aside);
        connect_aside();
        if (round % 2 == 0)
            interfere("SET custom-fields:{acme} %s", TWO_FIELDS);
        ck_assert_int_eq(look_up("acme"), round % 2 == 0 ? 2 : MISSING);
        wait_for_watch();
        look_up("acme");
        ck_assert_uint_eq(reads("acme", round % 2 == 0 ? 2 : MISSING), 0);
    }
}
END_TEST

/* A frozen Redis does not answer: the watch must give up by itself, and go on once Redis is thawed. */
START_TEST(redis_is_frozen_for_longer_than_the_time_limit)
{
    interfere("SET custom-fields:{acme} %s", ONE_FIELD);
    look_up("acme");
    kill(redis.process, SIGSTOP);
    ck_assert(!definitions_watch_catch_up(watch, NULL, 100));
    pause_ms(5000);
    ck_assert(!definitions_watch_catch_up(watch, NULL, 100));
    kill(redis.process, SIGCONT);
    interfere("SET custom-fields:{acme} %s", TWO_FIELDS);
    ck_assert_int_eq(look_up("acme"), 2);
    wait_for_watch();
    look_up("acme");
    ck_assert_uint_eq(reads("acme", 2), 0);
}
END_TEST

/* After a failover the watch may still be on the old master. */
START_TEST(watch_on_another_server_proves_nothing)
{
    char server[REDIS_ADDRESS_BYTES];
    redis_address(aside, server);
    ck_assert(definitions_watch_catch_up(watch, server, WAIT_MS));
    ck_assert(!definitions_watch_catch_up(watch, "127.0.0.1:1", WAIT_MS));
    /* Without Sentinels nothing tells that it should be elsewhere, so it stays. */
    pause_ms(100);
    ck_assert(definitions_watch_catch_up(watch, server, WAIT_MS));
    ck_assert_int_eq(calls_of("subscribe"), 1);
}
END_TEST

START_TEST(an_idle_watch_stays_connected_and_makes_sure_of_it)
{
    int before = calls_of("ping");
    pause_ms(4500);
    ck_assert_int_ge(calls_of("ping"), before + 1);
    ck_assert(definitions_watch_catch_up(watch, NULL, WAIT_MS));
    ck_assert_int_eq(calls_of("subscribe"), 1);
}
END_TEST

/* ---- many at once ---- */

#define READERS 4
#define WRITES  300

static atomic_int published; /* how many fields the set has that Redis has surely answered */
static atomic_bool writing;

static void *read_on(void *argument)
{
    struct reader *self = argument;
    const char *workspace = "acme";
    while (atomic_load(&writing)) {
        int least = atomic_load(&published);
        int found = look_up_by(self, &workspace, 1);
        ck_assert_msg(found >= least, "%d fields, although %d had been published", found, least);
    }
    return NULL;
}

/* Each set has one field more than the one before, so that an old one can be told. */
static void publish(int fields)
{
    static char json[WRITES * 32];
    size_t length = 0;
    for (int i = 0; i < fields; i++)
        length += (size_t)snprintf(json + length, sizeof(json) - length, "%s{\"key\":\"k%d\",\"type\":\"text\"}",
                                   i ? "," : "[", i);
    snprintf(json + length, sizeof(json) - length, "]");
    interfere("SET custom-fields:{acme} %s", json);
    atomic_store(&published, fields);
}

START_TEST(many_readers_never_see_an_old_set)
{
    struct reader readers[READERS];
    pthread_t threads[READERS];
    publish(1);
    atomic_store(&writing, true);
    for (int i = 0; i < READERS; i++) {
        reader_open(&readers[i]);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int fields = 2; fields <= WRITES; fields++) {
        publish(fields);
        if (fields % 50 == 0)
            interfere("CLIENT KILL TYPE pubsub");
        if (fields % 3 == 0)
            pause_ms(2);
    }
    atomic_store(&writing, false);
    uint64_t hits = 0;
    for (int i = 0; i < READERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        hits += definitions_cache_counts(readers[i].cache).hits;
        reader_close(&readers[i]);
    }
    ck_assert_uint_gt(hits, 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("definitions_watch");
    TCase *same = tcase_create("unchanged");
    tcase_add_checked_fixture(same, redis_open, redis_close);
    tcase_set_timeout(same, 60);
    tcase_add_test(same, what_did_not_change_is_not_read_again);
    tcase_add_test(same, absence_is_remembered);
    tcase_add_test(same, a_broken_set_is_remembered);
    tcase_add_test(same, other_keys_do_not_matter);
    tcase_add_test(same, the_same_bytes_again_are_read_but_not_compiled);
    tcase_add_test(same, a_batch_reads_each_workspace_once_and_all_in_one_go);
    tcase_add_test(same, the_least_recently_used_goes);
    suite_add_tcase(suite, same);
    TCase *changed = tcase_create("changed");
    tcase_add_checked_fixture(changed, redis_open, redis_close);
    tcase_set_timeout(changed, 60);
    tcase_add_loop_test(changed, after_a_change_was_answered_the_old_set_is_gone, 0,
                        (int)(sizeof(changes) / sizeof(changes[0])));
    tcase_add_test(changed, a_time_to_live_ends_by_our_clock);
    tcase_add_test(changed, a_time_to_live_that_is_taken_back_does_not_end);
    suite_add_tcase(suite, changed);
    TCase *trouble = tcase_create("trouble");
    tcase_add_checked_fixture(trouble, redis_open, redis_close);
    tcase_set_timeout(trouble, 120);
    tcase_add_test(trouble, without_a_watch_everything_is_read);
    tcase_add_test(trouble, a_watch_that_may_not_watch_is_as_good_as_none);
    tcase_add_test(trouble, redis_is_killed_and_comes_back_with_other_data);
    tcase_add_test(trouble, redis_is_frozen_for_longer_than_the_time_limit);
    tcase_add_test(trouble, an_idle_watch_stays_connected_and_makes_sure_of_it);
    tcase_add_test(trouble, watch_on_another_server_proves_nothing);
    tcase_add_test(trouble, many_readers_never_see_an_old_set);
    suite_add_tcase(suite, trouble);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
