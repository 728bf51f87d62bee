/* definitions [SECONDS]: the cost of looking up definitions: the stage alone, in batches, against a private Redis.
 * Prints a JSON line for each number of workspaces, distribution and capacity of the cache. Each is measured for
 * SECONDS (3) once the cache has settled. For comparison it also measures without a watch, where every batch reads
 * what it needs.
 *
 * All workspaces have the example's definitions. In a "zipf" distribution the n-th workspace has 1/n of the first
 * one's commands; "uniform" is the worst case of any cache. */
#include <hiredis/hiredis.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/folder.h"
#include "tests/bench/example.h"
#include "tests/bench/measure.h"
#include "worker/commands/private_redis.h"
#include "worker/index/index.h"

#define BATCH          5000
#define SETTLE_BATCHES 64
#define WORKSPACES_MAX 1000000
#define NAME_BYTES     24
#define WAIT_MS        10000

struct bench {
    struct config *config;
    struct definitions_watch *watch;
    struct index *index;
    struct batch batch;
    char (*names)[NAME_BYTES]; /* of all workspaces */
    size_t *name_lengths;
    double *weights; /* cumulative sums of the distribution */
    uint64_t random; /* the state of the generator */
    uint32_t draws[BATCH];
};

struct field_fixture {
    uint32_t workspaces;
    const char *distribution; /* "zipf" or "uniform" */
    size_t capacity;          /* of the cache */
    bool watched;
};

/* ---- Redis with the definitions of all workspaces ---- */

static void index_definitions_of(const struct bench *bench, redisContext *connection, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        if (redisAppendCommand(connection, "SET custom-fields:{%s} %s", bench->names[i], example_definitions) !=
            REDIS_OK)
            fail("Redis: %s", connection->errstr);
    for (uint32_t i = first; i < end; i++) {
        void *reply = NULL;
        if (redisGetReply(connection, &reply) != REDIS_OK)
            fail("Redis: %s", connection->errstr);
        freeReplyObject(reply);
    }
}

static void fill_redis(const struct bench *bench, const struct private_redis *redis)
{
    redisContext *connection = redisConnectUnix(redis->address + strlen("unix:"));
    if (!connection || connection->err)
        fail("Redis: no connection");
    for (uint32_t first = 0; first < WORKSPACES_MAX; first += 1000)
        index_definitions_of(bench, connection, first, first + 1000);
    redisFree(connection);
}

/* ---- which workspaces are looked up ---- */

static uint64_t random_next(uint64_t *state)
{
    /* xorshift64*: the same draws in every run */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

static uint32_t draw(const struct bench *bench, uint32_t workspaces, uint64_t *state)
{
    double at = (double)(random_next(state) >> 11) / 9007199254740992.0 * bench->weights[workspaces - 1];
    uint32_t low = 0, high = workspaces - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bench->weights[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void distribute(struct bench *bench, const struct field_fixture *field_fixture)
{
    bool zipf = strcmp(field_fixture->distribution, "zipf") == 0;
    double sum = 0;
    for (uint32_t i = 0; i < field_fixture->workspaces; i++)
        bench->weights[i] = sum += zipf ? 1.0 / (i + 1) : 1.0;
    bench->random = 88172645463325252ULL;
}

static void draw_batch(struct bench *bench, const struct field_fixture *field_fixture)
{
    for (uint32_t i = 0; i < BATCH; i++)
        bench->draws[i] = draw(bench, field_fixture->workspaces, &bench->random);
}

/* ---- measuring ---- */

static void look_up(struct bench *bench, struct definitions_cache *cache, int64_t *spent_ns)
{
    const uint32_t *draws = bench->draws;
    batch_reset(&bench->batch);
    for (uint32_t i = 0; i < BATCH; i++)
        bench->batch.items[i] =
            (struct item){.workspace = span_of(bench->names[draws[i]], bench->name_lengths[draws[i]])};
    bench->batch.count = BATCH;
    uint32_t known;
    const int64_t since = clock_ns();
    if (!index_connect(bench->index) || !(index_is_verified(bench->index) || index_trust(bench->index, 1)) ||
        !index_definitions(bench->index, cache, &bench->batch, &known))
        fail("Redis went away");
    *spent_ns += clock_ns() - since;
    for (uint32_t i = 0; i < BATCH; i++)
        if (!bench->batch.items[i].definitions)
            fail("%s has no definitions", bench->names[draws[i]]);
}

/* Runs until the cache is full, or will hardly get fuller. */
static void settle(struct bench *bench, const struct field_fixture *field_fixture, struct definitions_cache *cache)
{
    int64_t spent = 0;
    for (int i = 0; i < SETTLE_BATCHES && definitions_cache_counts(cache).evicted == 0; i++) {
        draw_batch(bench, field_fixture);
        look_up(bench, cache, &spent);
    }
}

static void measure(struct bench *bench, const struct field_fixture *field_fixture, int64_t seconds)
{
    malloc_trim(0);
    const double memory_before = memory_of(getpid());
    struct definitions_cache *cache =
        definitions_cache_new(field_fixture->capacity, field_fixture->watched ? bench->watch : NULL);
    if (!cache)
        fail("out of memory");
    distribute(bench, field_fixture);
    settle(bench, field_fixture, cache);
    const struct definitions_counts before = definitions_cache_counts(cache);
    int64_t spent = 0, batches = 0;
    for (; spent < seconds * 1000000000; batches++) {
        draw_batch(bench, field_fixture);
        look_up(bench, cache, &spent);
    }
    const struct definitions_counts after = definitions_cache_counts(cache);
    const double commands = (double)batches * BATCH, hits = (double)(after.hits - before.hits),
                 misses = (double)(after.misses - before.misses), compiled = (double)(after.compiled - before.compiled);
    printf("{\"name\":\"definitions_look_up\",\"workspaces\":%u,\"distribution\":\"%s\",\"cache_workspaces\":%zu,"
           "\"watch\":%s,\"commands_per_second\":%.0f,\"ns_per_command\":%.0f,"
           "\"look_ups_per_batch\":%.1f,\"hit_rate\":%.4f,\"compiled_per_batch\":%.1f,\"memory_mib\":%.1f}\n",
           field_fixture->workspaces, field_fixture->distribution, field_fixture->capacity,
           field_fixture->watched ? "true" : "false", commands * 1e9 / (double)spent, (double)spent / commands,
           (hits + misses) / (double)batches, hits / (hits + misses), compiled / (double)batches,
           memory_of(getpid()) - memory_before);
    fflush(stdout);
    definitions_cache_free(cache);
}

/* A miss: all of a batch's workspaces are new to the cache, or were read before but not watched. */
static void measure_misses(struct bench *bench)
{
    int64_t new_ns = 0, again_ns = 0;
    const int rounds = 20;
    for (uint32_t i = 0; i < BATCH; i++)
        bench->draws[i] = i;
    for (int i = 0; i < rounds; i++) {
        struct definitions_cache *cache = definitions_cache_new(BATCH, NULL);
        if (!cache)
            fail("out of memory");
        look_up(bench, cache, &new_ns);
        look_up(bench, cache, &again_ns);
        definitions_cache_free(cache);
    }
    printf("{\"name\":\"definitions_miss\",\"ns_read_and_compiled\":%.0f,\"ns_read_and_unchanged\":%.0f}\n",
           (double)new_ns / rounds / BATCH, (double)again_ns / rounds / BATCH);
}

static const struct field_fixture trials[] = {
    {1, "uniform", 1000, true},       {1, "uniform", 1000, false},        {1000, "zipf", 1000, true},
    {1000, "zipf", 1000, false},      {1000, "uniform", 1000, true},      {1000, "uniform", 1000, false},
    {1000000, "zipf", 1000, true},    {1000000, "zipf", 100000, true},    {1000000, "zipf", 100000, false},
    {1000000, "uniform", 1000, true}, {1000000, "uniform", 100000, true},
};

static void bench_open(struct bench *bench, const struct private_redis *redis)
{
    char address[640];
    snprintf(address, sizeof(address), "redis.address=%s", redis->address);
    const char *settings[] = {address, NULL};
    bench->config = config_read(&(struct config_sources){.settings = settings});
    bench->names = calloc(WORKSPACES_MAX, NAME_BYTES);
    bench->name_lengths = calloc(WORKSPACES_MAX, sizeof(*bench->name_lengths));
    bench->weights = calloc(WORKSPACES_MAX, sizeof(*bench->weights));
    if (!bench->config || !bench->names || !bench->name_lengths || !bench->weights)
        fail("out of memory, or the config is bad");
    for (uint32_t i = 0; i < WORKSPACES_MAX; i++)
        bench->name_lengths[i] = (size_t)snprintf(bench->names[i], NAME_BYTES, "load-%u", i);
    fill_redis(bench, redis);
    bench->index = index_open(bench->config);
    bench->watch = definitions_watch_open(bench->config);
    if (!bench->index || !bench->watch || batch_open(&bench->batch, BATCH, 1 << 20, 1 << 16) != 0)
        fail("out of memory");
    const int64_t since = clock_ns();
    while (!definitions_watch_catch_up(bench->watch, NULL, 100))
        if (clock_ns() - since > WAIT_MS * 1000000LL)
            fail("the watch does not connect");
}

static void bench_close(struct bench *bench)
{
    (void)!definitions_watch_end(bench->watch, &(struct timespec){INT32_MAX, 0});
    definitions_watch_free(bench->watch);
    index_close(bench->index);
    batch_close(&bench->batch);
    config_free(bench->config);
    free(bench->names);
    free(bench->name_lengths);
    free(bench->weights);
}

int main(int count, char **arguments)
{
    const int64_t seconds = count > 1 ? number_of(arguments[1], 1) : 3;
    char folder[512], error[256];
    struct private_redis redis;
    static struct bench bench;
    if (!folder_make_temporary("client-intake-bench", folder, sizeof(folder)))
        fail("no temporary folder");
    if (!private_redis_start(&redis, folder, error, sizeof(error)))
        fail("%s", error);
    bench_open(&bench, &redis);
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
        measure(&bench, &trials[i], seconds);
    measure_misses(&bench);
    bench_close(&bench);
    private_redis_stop(&redis);
    folder_remove(folder);
    return 0;
}
