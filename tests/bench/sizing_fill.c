/* sizing_fill: fills a Redis with the clients of a crowd (sizing_crowd.h), by the program's own index, batch after
 * batch as a worker does, and tells what they take there, as JSON lines.
 *
 *   sizing_fill --redis unix:PATH [--clients N] [--workspaces N] [--partitions N] [--skew X] [--example RUN] [--plain]
 *               [--batch N] [--set SECTION.KEY=VALUE]...
 *
 * Default: 100,000 clients, 500 workspaces of a skew of 2, 4 partitions, batches of 5,000. The Redis must be empty, and
 * on the same machine. --plain writes the same keys with SET, without the index, which takes no node of a cluster as a
 * single Redis. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/measure.h"
#include "tests/bench/sizing_drafts.h"
#include "tests/bench/sizing_redis.h"
#include "worker/index/index.h"
#include "worker/redis/redis_keys.h"
#include "worker/redis/redis_pipeline.h"

#define SETTINGS_MOST 16 /* the address included */

struct fill {
    struct sizing_crowd crowd;
    int32_t partitions;
    uint32_t batch;
    bool plain;
    const char *settings[SETTINGS_MOST + 1];
    size_t setting_count;
};

static void drain(redisContext *redis, int64_t answers)
{
    for (int64_t i = 0; i < answers; i++) {
        redisReply *reply = NULL;
        if (redisGetReply(redis, (void **)&reply) != REDIS_OK || reply->type == REDIS_REPLY_ERROR)
            fail("SET: %s", reply ? reply->str : redis->errstr);
        freeReplyObject(reply);
    }
}

static void fill_definitions(const struct fill *fill, redisContext *redis)
{
    char name[EXAMPLE_BYTES], key[DEFINITIONS_KEY_SIZE];
    int64_t sent = 0;
    for (int64_t workspace = 0; workspace < fill->crowd.workspaces; workspace++) {
        const size_t length = sizing_crowd_name(&fill->crowd, name, workspace);
        const size_t key_length = definitions_key_text(span_of(name, length), key);
        redisAppendCommand(redis, "SET %b %b", key, key_length, example_definitions, strlen(example_definitions));
        if (++sent == 1000) {
            drain(redis, sent);
            sent = 0;
        }
    }
    drain(redis, sent);
}

static void fill_plain(struct batch *batch, redisContext *redis)
{
    struct redis_pipeline pipeline;
    char error[256] = "sending failed";
    pipeline_open(&pipeline, redis, &batch->arena);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        const struct span id = span_of(item->client_id, CLIENT_ID_LENGTH);
        pipeline_command(&pipeline, 3);
        pipeline_parts(&pipeline, SPAN("SET"));
        pipeline_parts(&pipeline, CLIENT_KEY(item->workspace, id));
        pipeline_parts(&pipeline, item->position, SPAN(" "), span_of(item->hash, HASH_LENGTH), SPAN("\n"),
                       item->record);
        pipeline_command(&pipeline, 3);
        pipeline_parts(&pipeline, SPAN("SET"));
        pipeline_parts(&pipeline, EMAIL_KEY(item->workspace, item->email_key));
        pipeline_parts(&pipeline, id);
    }
    bool ok = pipeline_send(&pipeline);
    while (ok && pipeline.count > 0) {
        redisReply *reply = pipeline_answer(&pipeline, error, sizeof(error));
        ok = reply != NULL;
        freeReplyObject(reply);
    }
    if (!ok)
        fail("SET: %s", error);
}

/* Behind each batch the ends of all partitions of the record topic are further on. */
static void raise_ends(struct offsets *ends, uint32_t count)
{
    for (int32_t i = 0; i < ends->count; i++)
        ends->at[i] += 2 + count / (uint32_t)ends->count;
}

static void fill_clients(const struct fill *fill, const struct config *config, redisContext *redis)
{
    struct sizing_drafts drafts;
    struct offsets ends = {0};
    for (int32_t i = 0; i < fill->partitions; i++)
        offsets_set(&ends, i, 0);
    sizing_drafts_open(&drafts, config, &fill->crowd, fill->partitions, fill->batch);
    struct index *index = fill->plain ? NULL : index_open(config);
    if (!fill->plain && (!index || !index_connect(index) || !index_trust(index, fill->partitions)))
        fail("the index cannot use Redis");
    for (int64_t first = 0; first < fill->crowd.clients; first += drafts.batch.count) {
        const int64_t left = fill->crowd.clients - first;
        sizing_drafts_fill(&drafts, first, left < fill->batch ? (uint32_t)left : fill->batch);
        if (fill->plain) {
            fill_plain(&drafts.batch, redis);
            continue;
        }
        if (!index_claim(index, &drafts.batch) || !index_confirm(index, &drafts.batch))
            fail("a batch was not claimed");
        for (uint32_t i = 0; i < drafts.batch.count; i++)
            if (drafts.batch.items[i].outcome != OUTCOME_CREATED)
                fail("client %lld was not created", (long long)(first + i));
        raise_ends(&ends, drafts.batch.count);
        index_checkpoint(index, &drafts.batch, &ends, INT64_C(4611686018427387904) + first);
    }
    index_close(index);
    offsets_free(&ends);
    sizing_drafts_close(&drafts);
}

static double per(double bytes, int64_t count)
{
    return count > 0 ? bytes / (double)count : 0;
}

static void fill_all(const struct fill *fill, const struct config *config)
{
    redisContext *redis = sizing_redis_connect(config);
    redisReply *keys = redisCommand(redis, "DBSIZE");
    if (!keys || keys->type != REDIS_REPLY_INTEGER || keys->integer != 0)
        fail("this Redis is not empty");
    freeReplyObject(keys);
    const int quantum = sizing_redis_quantum(redis);
    const double empty = sizing_redis_memory(redis);
    fill_definitions(fill, redis);
    const double defined = sizing_redis_memory(redis), cpu = sizing_redis_cpu(redis);
    const int64_t begin = clock_ns();
    fill_clients(fill, config, redis);
    const double seconds = (double)(clock_ns() - begin) / 1e9, spent = sizing_redis_cpu(redis) - cpu;
    const double peak = sizing_redis_number(redis, "memory", "used_memory_peak");
    const double full = sizing_redis_memory(redis);
    printf("{\"name\":\"server\",\"quantum\":%d,\"empty_bytes\":%.0f}\n", quantum, empty);
    printf("{\"name\":\"definitions\",\"workspaces\":%lld,\"bytes\":%.0f,\"each\":%.1f}\n",
           (long long)fill->crowd.workspaces, defined - empty, per(defined - empty, fill->crowd.workspaces));
    printf("{\"name\":\"clients\",\"clients\":%lld,\"partitions\":%d,\"bytes\":%.0f,\"each\":%.1f,\"in_flight\":%.0f,"
           "\"rss_ratio\":%.3f}\n",
           (long long)fill->crowd.clients, (int)fill->partitions, full - defined,
           per(full - defined, fill->crowd.clients), peak - full,
           sizing_redis_number(redis, "memory", "used_memory_rss") / full);
    printf("{\"name\":\"claims\",\"batch\":%u,\"redis_us\":%.2f,\"per_s\":%.0f}\n", fill->batch,
           per(spent * 1e6, fill->crowd.clients), (double)fill->crowd.clients / seconds);
    redisFree(redis);
}

static void usage(void)
{
    fputs("usage: sizing_fill --redis unix:PATH [--clients N] [--workspaces N] [--partitions N] [--skew X]\n"
          "                   [--example RUN] [--plain] [--batch N] [--set SECTION.KEY=VALUE]...\n",
          stderr);
    exit(64);
}

static void add_setting(struct fill *fill, const char *setting)
{
    if (fill->setting_count == SETTINGS_MOST)
        usage();
    fill->settings[fill->setting_count++] = setting;
}

int main(int count, char **arguments)
{
    enum { REDIS = 256, CLIENTS, WORKSPACES, PARTITIONS, SKEW, EXAMPLE, PLAIN, BATCH, SET };
    static const struct option known[] = {{"redis", required_argument, NULL, REDIS},
                                          {"clients", required_argument, NULL, CLIENTS},
                                          {"workspaces", required_argument, NULL, WORKSPACES},
                                          {"partitions", required_argument, NULL, PARTITIONS},
                                          {"skew", required_argument, NULL, SKEW},
                                          {"example", required_argument, NULL, EXAMPLE},
                                          {"plain", no_argument, NULL, PLAIN},
                                          {"batch", required_argument, NULL, BATCH},
                                          {"set", required_argument, NULL, SET},
                                          {NULL, 0, NULL, 0}};
    struct fill fill = {.crowd = {.clients = 100000, .workspaces = 500, .skew = 2}, .partitions = 4, .batch = 5000};
    char address[512] = "";
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case REDIS:
            snprintf(address, sizeof(address), "redis.address=%s", optarg);
            break;
        case CLIENTS:
            fill.crowd.clients = number_of(optarg, 1);
            break;
        case WORKSPACES:
            fill.crowd.workspaces = number_of(optarg, 1);
            break;
        case PARTITIONS:
            fill.partitions = (int32_t)number_of(optarg, 1);
            break;
        case SKEW:
            fill.crowd.skew = strtod(optarg, NULL);
            break;
        case EXAMPLE:
            fill.crowd.example = optarg;
            break;
        case PLAIN:
            fill.plain = true;
            break;
        case BATCH:
            fill.batch = (uint32_t)number_of(optarg, 1);
            break;
        case SET:
            add_setting(&fill, optarg);
            break;
        default:
            usage();
        }
    }
    if (!address[0] || optind != count || fill.crowd.skew < 1 || fill.partitions > 64)
        usage();
    add_setting(&fill, address);
    struct config *config = config_read(&(struct config_sources){.path = NULL, .settings = fill.settings});
    if (!config)
        return 78;
    fill_all(&fill, config);
    config_free(config);
    return 0;
}
