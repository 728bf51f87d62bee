/* decision: what a claim costs one Redis, as JSON lines: by index_claim, with WATCH, MULTI and MSETNX, and by the
 * script of decision.h. Each batch of 5,000 commands of some 600 bytes comes from one partition. The ways take turns,
 * so that what else the machine does meets all of them; the line of a way has the least of its runs.
 *
 *   decision [CLAIMS [RUNS [REPEATED]]]     claims of a run, 200000; runs of each way, 3; one command in REPEATED comes
 * a second time, 0 for none
 *
 * "script" is one group, as on one server. "script-slots" is a group for each workspace, as in a cluster where each
 * workspace has a slot of its own. */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/folder.h"
#include "common/stop.h"
#include "tests/bench/measure.h"
#include "worker/commands/private_redis.h"
#include "worker/index/decision.h"
#include "worker/index/index.h"
#include "worker/redis/redis_fence_keys.h"

#define BATCH        5000
#define RECORD_BYTES 500
#define TOPIC        "clients.commands"
#define EPOCH        "0123456789abcdef0123456789abcdef"
#define TERM         "1 0123456789abcdef0123456789abcdef"

enum way { WAY_TRANSACTION, WAY_SCRIPT, WAY_SCRIPT_SLOTS, WAYS };
static const char *const way_names[WAYS] = {"transaction", "script", "script-slots"};

struct cost {
    double redis_us, wall_us, own_us; /* per claim */
};

static struct private_redis redis;
static redisContext *connection; /* of the script, and for looking */
static struct config *config;
static struct index *the_index;
static struct batch batch;
static int64_t repeated;
static uint32_t items[BATCH];
static struct decision_answer answers[BATCH];

static void redis_do(const char *command)
{
    redisReply *reply = redisCommand(connection, command);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail("%s: %s", command, reply ? reply->str : connection->errstr);
    freeReplyObject(reply);
}

/* Seconds of processor time that Redis has used. */
static double redis_cpu(void)
{
    redisReply *reply = redisCommand(connection, "INFO cpu");
    const char *user = reply ? strstr(reply->str, "used_cpu_user:") : NULL;
    const char *kernel = reply ? strstr(reply->str, "used_cpu_sys:") : NULL;
    if (!user || !kernel)
        fail("INFO cpu has no times");
    const double seconds =
        strtod(user + strlen("used_cpu_user:"), NULL) + strtod(kernel + strlen("used_cpu_sys:"), NULL);
    freeReplyObject(reply);
    return seconds;
}

static void add_command(int64_t number, int64_t place, int64_t workspaces)
{
    struct item *item = &batch.items[batch.count++];
    *item = (struct item){.from = {TOPIC, 0, place, INT64_C(1795000000000) + number},
                          .value = span_of(NULL, RECORD_BYTES),
                          .has_identity = true};
    item->position = position_text(&item->from, &batch.arena);
    char id[CLIENT_ID_LENGTH + 1], hash[HASH_LENGTH + 1];
    const uint64_t mixed = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15);
    snprintf(id, sizeof(id), "%08x-0000-5000-8000-%012" PRIx64, (unsigned)(mixed >> 32), (uint64_t)number);
    snprintf(hash, sizeof(hash), "%016" PRIx64 "%016" PRIx64, mixed, (uint64_t)number);
    memcpy(item->client_id, id, CLIENT_ID_LENGTH);
    memcpy(item->hash, hash, HASH_LENGTH);
    item->workspace = arena_format(&batch.arena, "load-%" PRId64, number % workspaces);
    item->email_key = arena_format(&batch.arena, "ada.%07" PRId64 "@example.com", number);
    item->record =
        arena_format(&batch.arena, "{\"id\":\"%s\",\"email\":\"ada.%07" PRId64 "@example.com\",\"more\":\"%0*d\"}", id,
                     number, RECORD_BYTES - 100, 0);
}

static void fill(int64_t first, int64_t workspaces)
{
    batch_reset(&batch);
    for (int64_t i = first; i < first + BATCH; i++)
        add_command(repeated && i % repeated == repeated - 1 ? i - 1 : i, i, workspaces);
}

static const struct fence_part part = {
    .partition = 0, .place = {TOPIC "/0", sizeof(TOPIC "/0") - 1}, .term = {TERM, sizeof(TERM) - 1}, .committed = 0};

static struct decision_group group_of(struct span fence, const uint32_t *indices, uint32_t count)
{
    return (struct decision_group){
        .fence = {fence, SPAN(EPOCH), SPAN_NONE, &part, 1}, .items = indices, .item_count = count};
}

static void decide(const struct decision_group *groups, uint32_t count)
{
    struct redis_pipeline pipeline;
    struct script_failure failure;
    pipeline_open(&pipeline, connection, &batch.arena);
    for (uint32_t i = 0; i < count; i++)
        decision_send(&pipeline, &batch, &groups[i], SCRIPT_BY_NAME);
    if (!pipeline_send(&pipeline))
        fail("sending failed");
    for (uint32_t i = 0; i < count; i++) {
        if (decision_receive(&pipeline, &batch, &groups[i], answers, &failure) != SCRIPT_DONE)
            fail("the script: %.*s %.*s", SPAN_FORMAT(failure.what), SPAN_FORMAT(failure.text));
        decision_settle(&batch, &groups[i], answers);
    }
}

static void decide_as_one(void)
{
    for (uint32_t i = 0; i < BATCH; i++)
        items[i] = i;
    const struct decision_group group = group_of(SPAN("client-intake:{}:fence"), items, BATCH);
    decide(&group, 1);
}

/* Command i is of workspace i modulo `workspaces`. */
static void decide_by_workspace(uint32_t workspaces)
{
    static struct decision_group groups[BATCH];
    uint32_t count = 0, used = 0;
    for (uint32_t workspace = 0; workspace < workspaces && workspace < BATCH; workspace++) {
        const uint32_t first = used;
        for (uint32_t i = workspace; i < BATCH; i += workspaces)
            items[used++] = i;
        const struct span tag = batch.items[workspace].workspace;
        groups[count++] = group_of(arena_format(&batch.arena, "client-intake:{%.*s}:fence", SPAN_FORMAT(tag)),
                                   &items[first], used - first);
    }
    decide(groups, count);
}

static void begin(int64_t workspaces)
{
    index_close(the_index);
    redis_do("FLUSHALL");
    redis_do("HSET client-intake:{}:fence epoch " EPOCH);
    for (int64_t i = 0; i < workspaces; i++)
        freeReplyObject(redisCommand(connection, "HSET client-intake:{load-%lld}:fence epoch " EPOCH, (long long)i));
    the_index = index_open(config);
    if (!the_index || !index_connect(the_index) || !index_trust(the_index, 1))
        fail("the index cannot use Redis");
    const struct span text = index_script_text(SCRIPT_DECISION);
    freeReplyObject(redisCommand(connection, "SCRIPT LOAD %b", text.at, text.length));
}

static struct cost run(enum way way, int64_t claims, int64_t workspaces)
{
    int64_t wall = 0;
    double redis_s = 0, own = 0;
    begin(workspaces);
    for (int64_t first = 0; first < claims; first += BATCH) {
        fill(first, workspaces);
        const double redis_before = redis_cpu(), own_before = cpu_us_own();
        const int64_t before = clock_ns();
        if (way == WAY_TRANSACTION && !index_claim(the_index, &batch))
            fail("index_claim failed");
        if (way == WAY_SCRIPT)
            decide_as_one();
        if (way == WAY_SCRIPT_SLOTS)
            decide_by_workspace((uint32_t)workspaces);
        wall += clock_ns() - before;
        own += cpu_us_own() - own_before;
        redis_s += redis_cpu() - redis_before;
        for (uint32_t i = 0; i < BATCH; i++)
            if (batch.items[i].outcome != OUTCOME_CREATED && !repeated)
                fail("a command was not created");
    }
    return (struct cost){redis_s * 1e6 / (double)claims, (double)wall / 1e3 / (double)claims, own / (double)claims};
}

static double least(double a, double b)
{
    return a > 0 && a < b ? a : b;
}

int main(int count, char **arguments)
{
    char folder[512], why[256], address[640];
    const int64_t claims = count > 1 ? number_of(arguments[1], BATCH) / BATCH * BATCH : 200000;
    const int64_t runs = count > 2 ? number_of(arguments[2], 1) : 3;
    repeated = count > 3 ? number_of(arguments[3], 0) : 0;
    stop_on_signals();
    if (!folder_make_temporary("client-intake-bench", folder, sizeof(folder)) ||
        !private_redis_start(&redis, folder, why, sizeof(why)))
        fail("no Redis: %s", why);
    snprintf(address, sizeof(address), "redis.address=%s", redis.address);
    const char *settings[] = {address, "log.level=error", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    connection = redisConnectUnix(redis.address + strlen("unix:"));
    if (!config || connection->err || batch_open(&batch, BATCH, (size_t)BATCH * 2048, 65536) != 0)
        fail("cannot begin");
    static const int64_t workspaces[] = {16, 500, 5000};
    for (size_t i = 0; i < sizeof(workspaces) / sizeof(workspaces[0]); i++) {
        struct cost costs[WAYS] = {{0, 0, 0}};
        for (int64_t turn = 0; turn < runs; turn++)
            for (enum way way = 0; way < WAYS; way++) {
                const struct cost now = run(way, claims, workspaces[i]);
                costs[way] =
                    (struct cost){least(costs[way].redis_us, now.redis_us), least(costs[way].wall_us, now.wall_us),
                                  least(costs[way].own_us, now.own_us)};
            }
        for (enum way way = 0; way < WAYS; way++)
            printf("{\"name\":\"%s\",\"workspaces\":%" PRId64 ",\"redis_us\":%.2f,\"wall_us\":%.2f,\"own_us\":%.2f}\n",
                   way_names[way], workspaces[i], costs[way].redis_us, costs[way].wall_us, costs[way].own_us);
        fflush(stdout);
    }
    index_close(the_index);
    batch_close(&batch);
    config_free(config);
    redisFree(connection);
    private_redis_stop(&redis);
    folder_remove(folder);
    return 0;
}
