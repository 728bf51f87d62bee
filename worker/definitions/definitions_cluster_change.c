#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/definitions/definitions_cluster_internal.h"
#include "worker/redis/redis_epoch.h"
#include "worker/redis/redis_keys.h"

/* ---- the watch ---- */

static void ask_stamp_and_value(struct redis_pipeline *pipeline, struct span workspace, uint16_t slot)
{
    pipeline_read_parts(pipeline, STAMP_LENGTH, DEFINITIONS_STAMP_KEY(redis_slot_tag(slot)));
    definitions_ask_value(pipeline, workspace, slot);
}

static void note_digest(struct definitions_watched *watched, struct span value)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    watched->digest[0] = '\0';
    if (!value.at)
        return;
    SHA1((const unsigned char *)value.at, value.length, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        watched->digest[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        watched->digest[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    watched->digest[DIGEST_LENGTH] = '\0';
}

static void note_stamp(struct definitions_watched *watched, const redisReply *stamp)
{
    const size_t most = sizeof(watched->stamp);
    const size_t length = stamp->type != REDIS_REPLY_STRING ? 0 : stamp->len < most ? stamp->len : most;
    if (length > 0)
        memcpy(watched->stamp, stamp->str, length);
    watched->stamp_length = (uint8_t)length;
}

static bool has_room(struct definitions_cluster *cluster, size_t count)
{
    free(cluster->watched);
    cluster->watched_count = 0;
    cluster->watched = calloc(count > 0 ? count : 1, sizeof(*cluster->watched));
    return cluster->watched != NULL;
}

bool definitions_cluster_watch(struct definitions_cluster *cluster, const struct span *workspaces, size_t count,
                               redisReply **answers, char *error, size_t error_size)
{
    redisReply **both = calloc(count > 0 ? 2 * count : 1, sizeof(*both));
    for (size_t i = 0; i < count; i++)
        answers[i] = NULL;
    snprintf(error, error_size, "out of memory");
    const bool ok =
        both && has_room(cluster, count) &&
        definitions_cluster_ask(cluster, ask_stamp_and_value, 2, workspaces, count, both, error, error_size);
    for (size_t i = 0; i < count && ok; i++) {
        struct definitions_watched *watched = &cluster->watched[i];
        watched->workspace = workspaces[i];
        watched->slot = definitions_slot_of(workspaces[i]);
        note_stamp(watched, both[2 * i]);
        freeReplyObject(both[2 * i]);
        answers[i] = both[2 * i + 1];
        note_digest(watched, definitions_redis_value(answers[i]));
    }
    cluster->watched_count = ok ? count : 0;
    free(both);
    return ok;
}

/* ---- the changes ---- */

/* The assembler copies the file into the program; its path is relative to the folder in which make runs. */
// clang-format off
__asm__(".pushsection .rodata\n"
        "script_definitions:\n .incbin \"worker/definitions/definitions_change.lua\"\n"
        "script_definitions_end:\n"
        ".popsection\n");
// clang-format on

extern const char script_definitions[], script_definitions_end[];

#define KEYS_BEFORE      1 /* the stamp */
#define ARGUMENTS_BEFORE 2 /* both stamps */
#define ARGUMENTS_EACH   3

/* A change, and what was read of its workspace. */
struct change {
    const struct definitions_change *change;
    const struct definitions_watched *watched;
    size_t number;
    uint16_t node;
    bool is_sent;
};

struct changing {
    struct definitions_cluster *cluster;
    struct change *changes; /* in the order of their slots */
    size_t count;
    char stamp[STAMP_LENGTH]; /* the new one */
    bool *done;
    bool is_troubled; /* something was redirected or lost */
    char *error;
    size_t error_size;
};

static int by_slot(const void *one, const void *other)
{
    return (int)((const struct change *)one)->watched->slot - (int)((const struct change *)other)->watched->slot;
}

/* What the watch has read of the workspace; `from`: of the change before. The changes are in the order of the watch. */
static const struct definitions_watched *find_watched(const struct definitions_cluster *cluster, struct span workspace,
                                                      size_t *from)
{
    while (*from < cluster->watched_count && !span_equal(cluster->watched[*from].workspace, workspace))
        (*from)++;
    return *from < cluster->watched_count ? &cluster->watched[(*from)++] : NULL;
}

/* The end of those in the slot of this one. */
static size_t slot_end(const struct changing *changing, size_t begin)
{
    size_t end = begin + 1;
    while (end < changing->count && changing->changes[end].watched->slot == changing->changes[begin].watched->slot)
        end++;
    return end;
}

static void write_count(struct redis_pipeline *pipeline, size_t count)
{
    char text[24];
    const int length = snprintf(text, sizeof(text), "%zu", count);
    pipeline_parts(pipeline, span_of(text, (size_t)length));
}

static void write_slot(const struct changing *changing, struct redis_pipeline *pipeline, size_t begin, size_t end)
{
    const struct definitions_watched *first = changing->changes[begin].watched;
    const size_t keys = KEYS_BEFORE + end - begin, arguments = ARGUMENTS_BEFORE + ARGUMENTS_EACH * (end - begin);
    pipeline_command(pipeline, (unsigned)(3 + keys + arguments));
    pipeline_parts(pipeline, SPAN("EVAL"));
    // cppcheck-suppress comparePointers // the assembler puts one right before the other
    pipeline_parts(pipeline, span_of(script_definitions, (size_t)(script_definitions_end - script_definitions)));
    write_count(pipeline, keys);
    pipeline_parts(pipeline, DEFINITIONS_STAMP_KEY(redis_slot_tag(first->slot)));
    for (size_t i = begin; i < end; i++)
        pipeline_parts(pipeline, DEFINITIONS_KEY(changing->changes[i].watched->workspace));
    pipeline_parts(pipeline, span_of(first->stamp, first->stamp_length));
    pipeline_parts(pipeline, span_of(changing->stamp, STAMP_LENGTH));
    for (size_t i = begin; i < end; i++) {
        const struct span value = changing->changes[i].change->value;
        pipeline_parts(pipeline, span_of_text(changing->changes[i].watched->digest));
        pipeline_parts(pipeline, value.at ? SPAN("SET") : SPAN("DEL"));
        pipeline_parts(pipeline, value.at ? value : SPAN(""));
    }
}

static void send_slots(struct changing *changing, struct cluster_pipelines *pipelines)
{
    for (size_t i = 0; i < changing->count; i = slot_end(changing, i)) {
        struct change *change = &changing->changes[i];
        const unsigned slot = change->watched->slot;
        change->is_sent = redis_cluster_slot(changing->cluster->cluster, slot, &change->node) == SLOT_SERVED;
        if (change->is_sent)
            write_slot(changing, cluster_pipelines_to(pipelines, change->node), i, slot_end(changing, i));
        else
            definitions_cluster_reason(changing->cluster, slot, changing->error, changing->error_size);
        changing->is_troubled = changing->is_troubled || !change->is_sent;
    }
    cluster_pipelines_send(pipelines);
}

/* False if Redis refuses it: trying again would not help. */
static bool take_slots(struct changing *changing, struct cluster_pipelines *pipelines)
{
    bool ok = true;
    for (size_t i = 0; i < changing->count && ok; i = slot_end(changing, i)) {
        const struct change *change = &changing->changes[i];
        redisReply *reply = NULL;
        if (!change->is_sent)
            continue;
        const enum cluster_answer answer = cluster_pipelines_answer(pipelines, change->node, change->watched->slot,
                                                                    &reply, changing->error, changing->error_size);
        const bool done = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
        for (size_t j = i; j < slot_end(changing, i); j++)
            changing->done[changing->changes[j].number] = done;
        freeReplyObject(reply);
        ok = answer != CLUSTER_REFUSED;
        changing->is_troubled = changing->is_troubled || answer != CLUSTER_ANSWERED;
    }
    return ok;
}

/* The caller reads and decides once more, unless that goes on for too long. */
static bool is_patient(struct changing *changing)
{
    struct definitions_cluster *cluster = changing->cluster;
    if (!changing->is_troubled)
        cluster->trouble_since_ms = 0;
    else if (cluster->trouble_since_ms == 0)
        cluster->trouble_since_ms = clock_now_ms();
    return !changing->is_troubled || clock_now_ms() - cluster->trouble_since_ms < DEFINITIONS_PATIENCE_MS;
}

static bool carry_out(struct changing *changing)
{
    struct cluster_pipelines pipelines;
    struct arena arena;
    size_t bytes = 1 << 20; /* a block of a pipeline, the script, and stamps and digests of many */
    for (size_t i = 0; i < changing->count; i++)
        bytes += changing->changes[i].change->value.length + 1024;
    if (arena_open(&arena, bytes) != 0)
        return false;
    bool ok = cluster_pipelines_open(&pipelines, changing->cluster->cluster, &arena);
    if (ok) {
        send_slots(changing, &pipelines);
        ok = take_slots(changing, &pipelines);
        cluster_pipelines_close(&pipelines);
    }
    arena_close(&arena);
    return ok && is_patient(changing);
}

/* False, without a reason, if a workspace was not watched, which is our own mistake. */
static bool sort_changes(struct changing *changing, const struct definitions_change *changes)
{
    size_t from = 0;
    for (size_t i = 0; i < changing->count; i++) {
        changing->done[i] = false;
        changing->changes[i] = (struct change){.change = &changes[i],
                                               .watched = find_watched(changing->cluster, changes[i].workspace, &from),
                                               .number = i};
        if (!changing->changes[i].watched)
            return false;
    }
    qsort(changing->changes, changing->count, sizeof(*changing->changes), by_slot);
    return true;
}

bool definitions_cluster_change(struct definitions_cluster *cluster, const struct definitions_change *changes,
                                size_t count, bool *done, char *error, size_t error_size)
{
    struct changing changing = {.cluster = cluster,
                                .changes = calloc(count > 0 ? count : 1, sizeof(*changing.changes)),
                                .count = count,
                                .done = done,
                                .error = error,
                                .error_size = error_size};
    bool ok = true;
    snprintf(error, error_size, "out of memory");
    if (count > 0)
        ok = changing.changes && sort_changes(&changing, changes) && redis_epoch_random(changing.stamp) &&
             carry_out(&changing);
    free(changing.changes);
    return ok;
}
