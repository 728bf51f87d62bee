#include "worker/definitions/definitions_cluster_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/redis/cluster_confirm.h"
#include "worker/redis/redis_keys.h"

#define QUESTION_ARENA_BYTES (256 << 10) /* a block of a pipeline, and one command more */

/* ---- the masters ---- */

/* A look asks some of the addresses, the next one others. */
static bool find_map(struct redis_cluster *cluster, size_t addresses, char *error, size_t error_size)
{
    for (size_t asked = 0; asked < addresses; asked += CLUSTER_NODES_ASKED) {
        if (asked > 0)
            clock_sleep(CLUSTER_LOOK_MS);
        if (redis_cluster_look(cluster, error, error_size))
            return true;
    }
    if (redis_cluster_is_none(cluster))
        snprintf(error, error_size,
                 "it is no node of a cluster (cluster_enabled:0): redis.kind must be single or sentinel");
    return false;
}

struct definitions_cluster *definitions_cluster_open(const struct config *config, char *error, size_t error_size)
{
    struct definitions_cluster *cluster = calloc(1, sizeof(*cluster));
    snprintf(error, error_size, "out of memory");
    if (!cluster)
        return NULL;
    cluster->cluster = redis_cluster_open(config);
    if (cluster->cluster && find_map(cluster->cluster, config->redis.address.count, error, error_size))
        return cluster;
    definitions_cluster_close(cluster);
    return NULL;
}

void definitions_cluster_close(struct definitions_cluster *cluster)
{
    if (!cluster)
        return;
    redis_cluster_close(cluster->cluster);
    free(cluster->watched);
    free(cluster);
}

bool definitions_cluster_is_kept(struct definitions_cluster *cluster, char *error, size_t error_size)
{
    return cluster_confirm(cluster->cluster, error, error_size);
}

bool definitions_cluster_settle(struct definitions_cluster *cluster, bool *settled, char *error, size_t error_size)
{
    char reason[512];
    *settled = cluster_confirm(cluster->cluster, error, error_size);
    if (*settled)
        cluster->unsettled_since_ms = 0;
    else if (cluster->unsettled_since_ms == 0)
        cluster->unsettled_since_ms = clock_now_ms();
    if (*settled)
        return true;
    if (clock_now_ms() - cluster->unsettled_since_ms >= DEFINITIONS_PATIENCE_MS)
        return false;
    clock_sleep(CLUSTER_LOOK_MS);
    (void)!redis_cluster_look_again(cluster->cluster, reason, sizeof(reason)); /* without one the next call tells */
    return true;
}

void definitions_cluster_reason(const struct definitions_cluster *cluster, unsigned slot, char *error,
                                size_t error_size)
{
    uint16_t number;
    char place[REDIS_PLACE_BYTES];
    const enum slot_state state = redis_cluster_slot(cluster->cluster, slot, &number);
    if (state == SLOT_AWAY && number != CLUSTER_NO_MASTER) {
        const struct cluster_node *node = redis_cluster_node(cluster->cluster, number);
        redis_place_text(&node->master.place, place);
        snprintf(error, error_size, "%s: %s", place, node->error);
    } else if (state == SLOT_AWAY) {
        snprintf(error, error_size, "no master serves slot %u", slot);
    }
}

/* Of the key, since a key that another program has written may have braces in its workspace. */
uint16_t definitions_slot_of(struct span workspace)
{
    char key[DEFINITIONS_KEY_SIZE];
    const size_t length = definitions_key_text(workspace, key);
    return redis_slot_of(span_of(key, length));
}

/* ---- questions ---- */

struct asking {
    struct definitions_cluster *cluster;
    definitions_question *question;
    size_t each, count;
    const struct span *workspaces;
    redisReply **answers;
    struct asked *asked; /* in the order of the slots, so that a node's commands are near each other */
    char *error;
    size_t error_size;
};

struct asked {
    size_t number; /* of the workspace */
    uint16_t slot, node;
    bool is_sent, is_answered;
};

static int by_slot(const void *one, const void *other)
{
    return (int)((const struct asked *)one)->slot - (int)((const struct asked *)other)->slot;
}

static void send_all(struct asking *asking, struct cluster_pipelines *pipelines)
{
    for (size_t i = 0; i < asking->count; i++) {
        struct asked *asked = &asking->asked[i];
        asked->is_sent = !asked->is_answered &&
                         redis_cluster_slot(asking->cluster->cluster, asked->slot, &asked->node) == SLOT_SERVED;
        if (asked->is_sent)
            asking->question(cluster_pipelines_to(pipelines, asked->node), asking->workspaces[asked->number],
                             asked->slot);
        else if (!asked->is_answered)
            definitions_cluster_reason(asking->cluster, asked->slot, asking->error, asking->error_size);
    }
    cluster_pipelines_send(pipelines);
}

/* Reads the answers about a workspace. False if it was refused: asking again would not help. */
static bool take_answers(struct asking *asking, struct cluster_pipelines *pipelines, struct asked *asked)
{
    redisReply **answers = asking->answers + asked->number * asking->each;
    bool ok = true;
    asked->is_answered = true;
    for (size_t i = 0; i < asking->each; i++) {
        const enum cluster_answer answer = cluster_pipelines_answer(pipelines, asked->node, asked->slot, &answers[i],
                                                                    asking->error, asking->error_size);
        asked->is_answered = asked->is_answered && answer == CLUSTER_ANSWERED;
        ok = ok && answer != CLUSTER_REFUSED;
    }
    for (size_t i = 0; i < asking->each && !asked->is_answered; i++) {
        freeReplyObject(answers[i]);
        answers[i] = NULL;
    }
    return ok;
}

/* One round. *left: how many workspaces are not answered. */
static bool ask_round(struct asking *asking, struct arena *arena, size_t *left)
{
    struct cluster_pipelines pipelines;
    bool ok = true;
    *left = 0;
    if (!cluster_pipelines_open(&pipelines, asking->cluster->cluster, arena)) {
        snprintf(asking->error, asking->error_size, "out of memory");
        return false;
    }
    send_all(asking, &pipelines);
    for (size_t i = 0; i < asking->count && ok; i++) {
        if (asking->asked[i].is_sent)
            ok = take_answers(asking, &pipelines, &asking->asked[i]);
        *left += !asking->asked[i].is_answered;
    }
    cluster_pipelines_close(&pipelines);
    return ok;
}

static bool ask_until_answered(struct asking *asking, struct arena *arena)
{
    const int64_t until_ms = clock_now_ms() + DEFINITIONS_PATIENCE_MS;
    char reason[512];
    for (size_t left = asking->count; left > 0;) {
        if (!redis_cluster_look(asking->cluster->cluster, reason, sizeof(reason))) {
            snprintf(asking->error, asking->error_size, "%s", reason);
            return false;
        }
        if (!ask_round(asking, arena, &left))
            return false;
        if (left > 0 && clock_now_ms() >= until_ms)
            return false; /* the error is that of the last one that was not answered */
        if (left > 0)
            clock_sleep(ROUND_PAUSE_MS);
    }
    return true;
}

bool definitions_cluster_ask(struct definitions_cluster *cluster, definitions_question *question, size_t each,
                             const struct span *workspaces, size_t count, redisReply **answers, char *error,
                             size_t error_size)
{
    struct asking asking = {.cluster = cluster,
                            .question = question,
                            .each = each,
                            .count = count,
                            .workspaces = workspaces,
                            .answers = answers,
                            .asked = calloc(count > 0 ? count : 1, sizeof(*asking.asked)),
                            .error = error,
                            .error_size = error_size};
    struct arena arena;
    for (size_t i = 0; i < count * each; i++)
        answers[i] = NULL;
    snprintf(error, error_size, "out of memory");
    bool ok = asking.asked && arena_open(&arena, QUESTION_ARENA_BYTES) == 0;
    if (ok) {
        for (size_t i = 0; i < count; i++)
            asking.asked[i] = (struct asked){.number = i, .slot = definitions_slot_of(workspaces[i])};
        qsort(asking.asked, count, sizeof(*asking.asked), by_slot);
        ok = ask_until_answered(&asking, &arena);
        arena_close(&arena);
    }
    free(asking.asked);
    for (size_t i = 0; i < count * each && !ok; i++) {
        freeReplyObject(answers[i]);
        answers[i] = NULL;
    }
    return ok;
}

/* ---- reading ---- */

void definitions_ask_value(struct redis_pipeline *pipeline, struct span workspace, uint16_t slot)
{
    (void)slot;
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("MGET")); /* to it a key that holds no string is a missing one */
    pipeline_parts(pipeline, DEFINITIONS_KEY(workspace));
}

static void ask_existence(struct redis_pipeline *pipeline, struct span workspace, uint16_t slot)
{
    (void)slot;
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("EXISTS"));
    pipeline_parts(pipeline, DEFINITIONS_KEY(workspace));
}

bool definitions_cluster_get(struct definitions_cluster *cluster, const struct span *workspaces, size_t count,
                             redisReply **answers, char *error, size_t error_size)
{
    return definitions_cluster_ask(cluster, definitions_ask_value, 1, workspaces, count, answers, error, error_size);
}

bool definitions_cluster_exist(struct definitions_cluster *cluster, const struct span *workspaces, size_t count,
                               bool *exist, char *error, size_t error_size)
{
    redisReply **answers = calloc(count > 0 ? count : 1, sizeof(*answers));
    snprintf(error, error_size, "out of memory");
    const bool ok =
        answers && definitions_cluster_ask(cluster, ask_existence, 1, workspaces, count, answers, error, error_size);
    for (size_t i = 0; i < count && ok; i++) {
        exist[i] = answers[i]->type == REDIS_REPLY_INTEGER && answers[i]->integer == 1;
        freeReplyObject(answers[i]);
    }
    free(answers);
    return ok;
}
