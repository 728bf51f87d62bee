#include "worker/index/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/index/shards_internal.h"

struct shards *shards_open(const struct config *config)
{
    struct shards *shards = calloc(1, sizeof(*shards));
    if (!shards)
        return NULL;
    shards->config = config;
    shards->cluster = redis_cluster_open(config);
    shards->book = slot_book_new();
    if (shards->cluster && shards->book && redis_epoch_random(shards->name))
        return shards;
    shards_close(shards);
    return NULL;
}

void shards_close(struct shards *shards)
{
    if (!shards)
        return;
    redis_cluster_close(shards->cluster);
    slot_book_free(shards->book);
    offsets_free(&shards->committed);
    offsets_free(&shards->claimed);
    offsets_free(&shards->record_ends);
    free(shards->partitions);
    free(shards);
}

const struct config *shards_config(const struct shards *shards)
{
    return shards->config;
}

const struct slot_book *shards_book(const struct shards *shards)
{
    return shards->book;
}

const struct redis_cluster *shards_cluster(const struct shards *shards)
{
    return shards->cluster;
}

bool shards_fail(struct shards *shards, const char *error)
{
    snprintf(shards->error, sizeof(shards->error), "%s", error);
    return false;
}

const char *shards_error(const struct shards *shards)
{
    return shards->error;
}

/* ---- names ---- */

struct shards_partition *shards_partition(const struct shards *shards, int32_t partition)
{
    return partition >= 0 && partition < shards->partition_count ? &shards->partitions[partition] : NULL;
}

struct span shards_place(const struct shards *shards, int32_t partition, struct arena *arena)
{
    return arena_format(arena, "%s/%d", shards->config->commands.topic, (int)partition);
}

unsigned shards_term_slot(struct span place)
{
    return redis_slot_of(place); /* a topic's name has no braces */
}

struct span shards_text(struct arena *arena, const struct span *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    char *const text = arena_alloc(arena, length + 1), *end = text;
    for (size_t i = 0; i < count; i++)
        end = span_copy(end, parts[i]);
    return span_of(text, length);
}

struct span shards_fence_key(unsigned slot, struct arena *arena)
{
    return SHARDS_TEXT(arena, FENCE_KEY(redis_slot_tag(slot)));
}

struct fence shards_fence(const struct shards *shards, unsigned slot, struct arena *arena)
{
    return (struct fence){.key = shards_fence_key(slot, arena),
                          .epoch = slot_book_epoch(shards->book, slot),
                          .shard = slot_book_stamp(shards->book, slot)};
}

struct span shards_checkpoint_key(const struct shards *shards, size_t node, struct span place, struct arena *arena)
{
    const struct cluster_node *there = redis_cluster_node(shards->cluster, node);
    return SHARDS_TEXT(arena,
                       SHARD_CHECKPOINT_KEY(redis_slot_tag(there->master.lowest), span_of_text(there->shard), place));
}

struct span shards_announced_key(const struct shards *shards, size_t node, struct span place, struct arena *arena)
{
    const struct cluster_node *there = redis_cluster_node(shards->cluster, node);
    return SHARDS_TEXT(arena,
                       SHARD_ANNOUNCED_KEY(redis_slot_tag(there->master.lowest), span_of_text(there->shard), place));
}

/* ---- answers ---- */

/* The partition of a fence's field "term:TOPIC/P". */
static struct shards_partition *partition_of_field(const struct shards *shards, struct span field)
{
    char name[320];
    for (int32_t i = 0; i < shards->partition_count; i++) {
        const int length = snprintf(name, sizeof(name), "term:%s/%d", shards->config->commands.topic, (int)i);
        if (span_equal(field, span_of(name, (size_t)length)))
            return &shards->partitions[i];
    }
    return NULL;
}

void shards_lose_term(struct shards *shards, int32_t partition, struct span found)
{
    struct shards_partition *lost = &shards->partitions[partition];
    lost->state = TERM_NONE;
    lost->has_mark = lost->is_cut = false;
    snprintf(lost->refused, sizeof(lost->refused), "%.*s", SPAN_FORMAT(found));
}

static void note_stale(struct shards *shards, unsigned slot, const struct script_failure *failure)
{
    struct shards_partition *partition = partition_of_field(shards, failure->what);
    if (!partition) {
        slot_book_doubt(shards->book, slot);
        return;
    }
    shards_lose_term(shards, (int32_t)(partition - shards->partitions), failure->text);
}

bool shards_refused(struct shards *shards, unsigned slot, enum script_end end, const struct script_failure *failure)
{
    if (end == SCRIPT_STALE)
        note_stale(shards, slot, failure);
    else if (end == SCRIPT_DAMAGED)
        slot_book_distrust(shards->book, slot);
    snprintf(shards->error, sizeof(shards->error), "%s%.*s", end == SCRIPT_STALE ? "the fence has changed: " : "",
             SPAN_FORMAT(failure->what));
    return false;
}

/* What a node says instead of an answer. */
static enum script_end note_error(struct shards *shards, size_t node, unsigned slot, enum cluster_answer answer,
                                  char *text)
{
    const redisReply error = {.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
    const enum script_end end = answer == CLUSTER_LOST ? SCRIPT_FAILED : index_script_end_of(&error);
    const enum redis_redirect redirect = redis_redirect_of(&error);
    if (redirect == REDIRECT_ASK || redirect == REDIRECT_TRYAGAIN)
        slot_book_distrust(shards->book, slot);
    else if (end == SCRIPT_MOVED)
        slot_book_doubt(shards->book, slot);
    else if (end == SCRIPT_UNLOADED)
        shards_forget_scripts(shards, redis_cluster_node(shards->cluster, node)->number);
    return end;
}

redisReply *shards_answer(struct shards *shards, struct cluster_pipelines *pipelines, size_t node, unsigned slot,
                          enum script_end *end, struct script_failure *failure)
{
    char error[SHARDS_ERROR_BYTES];
    redisReply *reply;
    const enum cluster_answer answer = cluster_pipelines_answer(pipelines, node, slot, &reply, error, sizeof(error));
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    *end = SCRIPT_DONE;
    if (answer == CLUSTER_ANSWERED)
        return reply;
    *end = script_fail(pipelines->arena, failure, note_error(shards, node, slot, answer, error), span_of_text(error),
                       SPAN(""));
    return NULL;
}
