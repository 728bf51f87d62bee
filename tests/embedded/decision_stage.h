/* decision_stage: a private Redis that decides by the script, with one fence, beside the one of index_stage. Each test
 * includes it once. */
#ifndef TESTS_DECISION_STAGE_H
#define TESTS_DECISION_STAGE_H

#include "tests/embedded/index_stage.h"
#include "worker/index/decision.h"
#include "worker/redis/redis_fence_keys.h"

#define PARTITIONS 3
#define FENCE      "client-intake:{0}:fence"
#define EPOCH      "0123456789abcdef0123456789abcdef"
#define SHARD      "shard-1"
#define NONCE      "00000000000000000000000000000001"

static char decision_folder[512];
static struct private_redis decision_redis;
static redisContext *deciding; /* where the script runs */
static struct fence_part parts[PARTITIONS];
static char places[PARTITIONS][64], terms[PARTITIONS][64];
static uint32_t group_items[4096];
static struct decision_answer answers[4096];
static struct script_failure failure;

static void term_set(int32_t partition, int64_t number, const char *nonce)
{
    snprintf(terms[partition], sizeof(terms[partition]), "%lld %s", (long long)number, nonce);
    parts[partition].term = span_of_text(terms[partition]);
}

/* Empty but for a fence of which no partition has a term. */
static void decision_redis_empty(void)
{
    freeReplyObject(redisCommand(deciding, "FLUSHALL"));
    freeReplyObject(redisCommand(deciding, "HSET " FENCE " epoch " EPOCH " shard " SHARD));
    for (int32_t i = 0; i < PARTITIONS; i++) {
        snprintf(places[i], sizeof(places[i]), TOPIC "/%d", (int)i);
        parts[i] = (struct fence_part){.partition = i, .place = span_of_text(places[i]), .committed = OFFSET_NONE};
        term_set(i, 7, NONCE);
    }
}

static void decision_open(void)
{
    char why[256];
    redis_open();
    ck_assert(folder_make_temporary("client-intake-decision", decision_folder, sizeof(decision_folder)));
    ck_assert_msg(private_redis_start(&decision_redis, decision_folder, why, sizeof(why)), "%s", why);
    deciding = redisConnectUnix(decision_redis.address + strlen("unix:"));
    ck_assert_int_eq(deciding->err, 0);
    decision_redis_empty();
}

static void decision_close(void)
{
    redisFree(deciding);
    private_redis_stop(&decision_redis);
    folder_remove(decision_folder);
    redis_close();
}

/* All of the batch, under the fence. */
static __attribute__((unused)) struct decision_group decision_group_of(const struct batch *commands)
{
    for (uint32_t i = 0; i < commands->count; i++)
        group_items[i] = i;
    return (struct decision_group){.fence = {SPAN(FENCE), SPAN(EPOCH), SPAN(SHARD), parts, PARTITIONS},
                                   .items = group_items,
                                   .item_count = commands->count};
}

static __attribute__((unused)) enum script_end decision_try(struct batch *commands, const struct decision_group *group,
                                                            enum script_call how)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, deciding, &commands->arena);
    decision_send(&pipeline, commands, group, how);
    ck_assert(pipeline_send(&pipeline));
    return decision_receive(&pipeline, commands, group, answers, &failure);
}

/* As a worker does it: with the text if Redis does not have the script. Gives the outcomes if it was decided. */
static __attribute__((unused)) enum script_end decision_run(struct batch *commands, const struct decision_group *group)
{
    enum script_end end = decision_try(commands, group, SCRIPT_BY_NAME);
    if (end == SCRIPT_UNLOADED)
        end = decision_try(commands, group, SCRIPT_BY_TEXT);
    if (end == SCRIPT_DONE)
        decision_settle(commands, group, answers);
    return end;
}

#endif
