/* sizing_costs: what the daemon costs Redis' processor, as JSON lines: for batches of several sizes, of one or many
 * partitions, with one or many partitions of the record topic. Each batch is claimed, confirmed and gets its
 * checkpoints, by the program's own index. The last line has the figures of sizing_cost.h that follow, but for those of
 * scripts, which tests/bench/decision measures.
 *
 *   sizing_costs --redis unix:PATH [TURNS]
 *
 * Each kind has its turn TURNS times, 3, and the cheapest counts. The Redis is emptied. It takes 15 seconds. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/measure.h"
#include "tests/bench/sizing_drafts.h"
#include "tests/bench/sizing_redis.h"
#include "worker/index/index.h"

#define PARTITIONS 64 /* as many as index_trust takes */
#define RECORDS    1000

/* Kinds of batches, and how many of one are measured. */
enum kind { KIND_LARGE, KIND_ONE, KIND_SOME, KIND_SPREAD, KIND_SPREAD_FAR, KINDS };
static const struct batches {
    uint32_t commands;
    int32_t partitions, records;
    int count;
} kinds[KINDS] = {[KIND_LARGE] = {5000, 1, 1, 20},
                  [KIND_ONE] = {1, 1, 1, 3000},
                  [KIND_SOME] = {PARTITIONS, 1, 1, 1000},
                  [KIND_SPREAD] = {PARTITIONS, PARTITIONS, 1, 400},
                  [KIND_SPREAD_FAR] = {PARTITIONS, PARTITIONS, RECORDS, 200}};

/* Microseconds of Redis for a batch of this kind. */
static double measure(const struct batches *batches, const struct config *config, redisContext *redis)
{
    const struct sizing_crowd crowd = {.clients = (int64_t)batches->commands * batches->count,
                                       .workspaces = batches->partitions > 1 ? PARTITIONS : 16,
                                       .example = "costs"};
    struct sizing_drafts drafts;
    struct offsets ends = {0};
    for (int32_t i = 0; i < batches->records; i++)
        offsets_set(&ends, i, 1000000); /* as long as they are after a while */
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    sizing_drafts_open(&drafts, config, &crowd, batches->partitions, batches->commands);
    struct index *index = index_open(config);
    if (!index || !index_connect(index) || !index_trust(index, batches->partitions))
        fail("the index cannot use Redis");
    const double before = sizing_redis_cpu(redis);
    for (int64_t first = 0; first < crowd.clients; first += batches->commands) {
        sizing_drafts_fill(&drafts, first, batches->commands);
        for (int32_t i = 0; i < ends.count; i++)
            ends.at[i]++;
        if (!index_claim(index, &drafts.batch) || !index_confirm(index, &drafts.batch))
            fail("a batch was not claimed");
        index_checkpoint(index, &drafts.batch, &ends, INT64_C(4611686018427387904) + first);
        if (drafts.batch.items[0].outcome != OUTCOME_CREATED || !index_is_verified(index))
            fail("a command was not created, or the index is not verified");
    }
    const double spent = sizing_redis_cpu(redis) - before;
    index_close(index);
    offsets_free(&ends);
    sizing_drafts_close(&drafts);
    return spent * 1e6 / batches->count;
}

int main(int count, char **arguments)
{
    char address[512];
    double costs[KINDS] = {0};
    if (count < 3 || count > 4 || strcmp(arguments[1], "--redis") != 0) {
        fputs("usage: sizing_costs --redis unix:PATH [TURNS]\n", stderr);
        return 64;
    }
    const int64_t turns = count > 3 ? number_of(arguments[3], 1) : 3;
    snprintf(address, sizeof(address), "redis.address=%s", arguments[2]);
    const char *settings[] = {address, NULL};
    struct config *config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    if (!config)
        return 78;
    redisContext *redis = sizing_redis_connect(config);
    for (int64_t turn = 0; turn < turns; turn++)
        for (enum kind kind = 0; kind < KINDS; kind++) {
            const double now = measure(&kinds[kind], config, redis);
            costs[kind] = turn == 0 || now < costs[kind] ? now : costs[kind];
        }
    for (enum kind kind = 0; kind < KINDS; kind++)
        printf("{\"name\":\"batch\",\"commands\":%u,\"partitions\":%d,\"record_partitions\":%d,\"redis_us\":%.1f}\n",
               kinds[kind].commands, (int)kinds[kind].partitions, (int)kinds[kind].records, costs[kind]);
    const double command = (costs[KIND_LARGE] - costs[KIND_ONE]) / (kinds[KIND_LARGE].commands - 1);
    const double offset = (costs[KIND_SPREAD_FAR] - costs[KIND_SPREAD]) / PARTITIONS / (RECORDS - 1);
    const double partition = (costs[KIND_SPREAD] - costs[KIND_SOME]) / (PARTITIONS - 1) - offset;
    printf("{\"name\":\"costs\",\"command\":%.2f,\"batch\":%.1f,\"partition\":%.2f,\"offset\":%.4f}\n", command,
           costs[KIND_ONE] - command - partition - offset, partition, offset);
    redisFree(redis);
    config_free(config);
    return 0;
}
