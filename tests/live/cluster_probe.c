/* cluster_probe ADDRESSES [SETTING ...]: what worker/redis says of a cluster, for tests/live/redis_cluster.sh. It reads
 * a question from each line of standard input and prints a line for it, with the milliseconds that it took in front:
 *
 *   masters            "PLACE ID SLOTS REPLICAS SHARD|MASTER SHARD-ID CONNECTION" for each master, with "; " between
 *   slot SLOT          "served|away|unsure PLACE CONNECTION"
 *   write              writes a key in every slot that is served, in one round: "answered N redirected N refused N lost
 * N away N unsure N", each only if it is not 0 read SLOT NAME...  reads keys of the slot in one command: "answered",
 * "redirected ERROR", "away", ... compare            compares the slots of many keys with CLUSTER KEYSLOT: "N keys, N
 * differ"
 *
 * Each looks at the cluster before. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/redis/cluster_pipelines.h"

static struct redis_cluster *cluster;
static struct arena arena;
static struct cluster_pipelines pipelines;
static char error[1024];

static const char *const state_names[] = {[SLOT_SERVED] = "served", [SLOT_AWAY] = "away", [SLOT_UNSURE] = "unsure"};
static const char *const answer_names[] = {[CLUSTER_ANSWERED] = "answered",
                                           [CLUSTER_REDIRECTED] = "redirected",
                                           [CLUSTER_REFUSED] = "refused",
                                           [CLUSTER_LOST] = "lost"};

static void print_masters(void)
{
    for (size_t i = 0; i < redis_cluster_count(cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(cluster, i);
        char place[REDIS_PLACE_BYTES];
        redis_place_text(&node->master.place, place);
        printf("%s%s %.8s %u %u %s %.8s %llu", i > 0 ? "; " : "", place, node->master.id, node->master.slots,
               node->master.replicas, node->shard_id == SHARD_ID_OF_SHARD ? "SHARD" : "MASTER", node->shard,
               (unsigned long long)(node->connection ? node->number : 0));
    }
}

static void print_slot(unsigned slot)
{
    uint16_t number;
    const enum slot_state state = redis_cluster_slot(cluster, slot, &number);
    char place[REDIS_PLACE_BYTES] = "nobody";
    if (number != CLUSTER_NO_MASTER)
        redis_place_text(&redis_cluster_node(cluster, number)->master.place, place);
    printf("%s %s", state_names[state], place);
}

static void write_slot(size_t node, unsigned slot)
{
    struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, node);
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_parts(pipeline, SPAN("client-intake:{"), redis_slot_tag(slot), SPAN("}:probe"));
    pipeline_parts(pipeline, redis_slot_tag(slot));
}

static void write_all(void)
{
    static enum slot_state before[REDIS_SLOTS];
    static uint16_t nodes[REDIS_SLOTS];
    unsigned states[3] = {0}, answers[4] = {0};
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++) {
        before[slot] = redis_cluster_slot(cluster, slot, &nodes[slot]);
        states[before[slot]]++;
        if (before[slot] == SLOT_SERVED)
            write_slot(nodes[slot], slot);
    }
    cluster_pipelines_send(&pipelines);
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++) {
        redisReply *reply = NULL;
        if (before[slot] == SLOT_SERVED)
            answers[cluster_pipelines_answer(&pipelines, nodes[slot], slot, &reply, error, sizeof(error))]++;
        freeReplyObject(reply);
    }
    for (size_t i = 0; i < 4; i++)
        if (answers[i])
            printf("%s %u ", answer_names[i], answers[i]);
    for (size_t i = SLOT_AWAY; i <= SLOT_UNSURE; i++)
        if (states[i])
            printf("%s %u ", state_names[i], states[i]);
}

static void read_keys(unsigned slot, char **names, unsigned count)
{
    uint16_t node;
    redisReply *reply = NULL;
    const enum slot_state state = redis_cluster_slot(cluster, slot, &node);
    if (state != SLOT_SERVED) {
        printf("%s", state_names[state]);
        return;
    }
    struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, node);
    pipeline_command(pipeline, count + 1);
    pipeline_parts(pipeline, SPAN("MGET"));
    for (unsigned i = 0; i < count; i++)
        pipeline_parts(pipeline, SPAN("client-intake:{"), redis_slot_tag(slot), SPAN("}:"), span_of_text(names[i]));
    cluster_pipelines_send(&pipelines);
    const enum cluster_answer answer = cluster_pipelines_answer(&pipelines, node, slot, &reply, error, sizeof(error));
    printf("%s%s%s", answer_names[answer], answer == CLUSTER_ANSWERED ? "" : " ",
           answer == CLUSTER_ANSWERED ? "" : error);
    freeReplyObject(reply);
}

/* Asks a node for the slot of the key. The program itself has no right to. */
static bool differs(redisContext *connection, const char *key, size_t length)
{
    redisReply *reply = redisCommand(connection, "CLUSTER KEYSLOT %b", key, length);
    const bool is =
        !reply || reply->type != REDIS_REPLY_INTEGER || reply->integer != redis_slot_of(span_of(key, length));
    freeReplyObject(reply);
    return is;
}

static void compare(void)
{
    static const char *const odd[] = {"",     "{}",       "{}a",      "{a", "a}{b}", "{a}{b}",        "{{a}}",
                                      "a{}b", "foo{bar}", "{foo}bar", "}{", "{ }",   "client:{ws}:id"};
    const struct redis_place *place = &redis_cluster_node(cluster, 0)->master.place;
    redisContext *connection = redisConnect(place->host, place->port);
    unsigned keys = 0, wrong = 0;
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++, keys++) {
        char key[64];
        const int length = snprintf(key, sizeof(key), "client-intake:{%s}:fence", redis_slot_tag(slot).at);
        wrong += differs(connection, key, (size_t)length) || redis_slot_of(span_of_text(key)) != slot;
    }
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++, keys++)
        wrong += differs(connection, odd[i], strlen(odd[i]));
    for (unsigned byte = 0; byte < 256; byte++, keys++)
        wrong += differs(connection, (const char[]){(char)byte, '{', (char)byte, (char)(255 - byte), '}'}, 5);
    redisFree(connection);
    printf("%u keys, %u differ", keys, wrong);
}

static void answer_question(char *line)
{
    char *words[16];
    unsigned count = 0;
    for (char *word = strtok(line, " \n"); word && count < 16; word = strtok(NULL, " \n"))
        words[count++] = word;
    if (count == 0 || !redis_cluster_look(cluster, error, sizeof(error)))
        printf("no map: %s", error);
    else if (!cluster_pipelines_open(&pipelines, cluster, &arena))
        printf("out of memory");
    else if (strcmp(words[0], "masters") == 0)
        print_masters();
    else if (strcmp(words[0], "slot") == 0)
        print_slot((unsigned)atoi(words[1]));
    else if (strcmp(words[0], "write") == 0)
        write_all();
    else if (strcmp(words[0], "read") == 0)
        read_keys((unsigned)atoi(words[1]), words + 2, count - 2);
    else
        compare();
    if (pipelines.pipelines)
        cluster_pipelines_close(&pipelines);
}

int main(int argc, char **argv)
{
    char line[1024], address[1024];
    signal(SIGPIPE, SIG_IGN); /* as the program's main does */
    const char *settings[32] = {"redis.kind=cluster", address};
    snprintf(address, sizeof(address), "redis.address=%s", argc > 1 ? argv[1] : "");
    for (int i = 2; i < argc && i < 30; i++)
        settings[i] = argv[i];
    struct config *config = config_read(&(struct config_sources){.settings = settings});
    cluster = config ? redis_cluster_open(config) : NULL;
    if (!cluster || arena_open(&arena, 64 << 20) != 0)
        return EXIT_FAILURE;
    while (fgets(line, sizeof(line), stdin)) {
        char *text;
        size_t length;
        const int64_t began_ms = clock_now_ms();
        FILE *const out = stdout;
        stdout = open_memstream(&text, &length);
        answer_question(line);
        fclose(stdout);
        stdout = out;
        printf("%lld %s\n", (long long)(clock_now_ms() - began_ms), text);
        fflush(stdout);
        free(text);
    }
    redis_cluster_close(cluster);
    config_free(config);
    arena_close(&arena);
    return EXIT_SUCCESS;
}
