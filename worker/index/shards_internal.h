/* shards_internal: what the files of the index on a cluster share. No other file includes it. */
#ifndef WORKER_INDEX_SHARDS_INTERNAL_H
#define WORKER_INDEX_SHARDS_INTERNAL_H

#include "worker/index/checkpoint.h"
#include "worker/index/decision.h"
#include "worker/index/shards.h"
#include "worker/index/term.h"
#include "worker/redis/cluster_confirm.h"
#include "worker/redis/cluster_pulse.h"
#include "worker/redis/redis_fence_keys.h"
#include "worker/redis/redis_record_topic.h"

#define SHARDS_ERROR_BYTES 256

/* A partition of the command topic. */
struct shards_partition {
    enum {
        TERM_NONE,
        TERM_TAKEN, /* the group's offsets are to be asked for, and an audit is due */
        TERM_USABLE
    } state;
    bool is_ours;   /* it is assigned to this worker */
    bool has_mark;  /* how far it is claimed was read, and is in `claimed` */
    bool is_cut;    /* its log ends before that: it waits until all slots are restored (shards_claimed.c) */
    int64_t cut_to; /* what was committed of such a log */
    struct term term;
    char refused[TERM_BYTES]; /* the term for which a script was STALE; "": none */
};

struct shards {
    const struct config *config;
    struct redis_cluster *cluster;
    struct slot_book *book;
    char name[EPOCH_LENGTH];                         /* of this worker: random; restorations use the first half */
    struct cluster_beat beats[CLUSTER_MASTERS_MOST]; /* in the order of the map's masters */
    struct cluster_calm calm;
    int64_t looked_ms;                     /* when a map was asked for last; 0: never */
    uint64_t loaded[CLUSTER_MASTERS_MOST]; /* connections to nodes that have the scripts */
    size_t loaded_count;
    struct shards_partition *partitions;
    int32_t partition_count;
    struct offsets committed;              /* of the command topic: the highest that were ever committed */
    struct offsets claimed;                /* how far partitions are claimed, as far as it is known */
    struct offsets record_ends;            /* every record before them is in Redis, where a shard is complete */
    char foreign[RECORD_TOPIC_LENGTH + 1]; /* the record topic of a slot that is another's; "": none */
    char error[SHARDS_ERROR_BYTES], away[REDIS_PLACE_BYTES + SHARDS_ERROR_BYTES];
};

/* Always false. */
bool shards_fail(struct shards *shards, const char *error);

/* The node of the connection lacks scripts; the next look gives them. */
void shards_forget_scripts(struct shards *shards, uint64_t connection);

/* Whether no election can have ended without the map telling so (cluster_confirm.h, 2b). */
bool shards_is_calm(const struct shards *shards, const struct cluster_beat *beats, size_t count);

/* NULL for a partition of which nothing is known. */
struct shards_partition *shards_partition(const struct shards *shards, int32_t partition);

/* A text of these parts, in the arena. */
struct span shards_text(struct arena *arena, const struct span *parts, size_t count);
#define SHARDS_TEXT(arena, ...)                                                                                        \
    shards_text((arena), (const struct span[]){__VA_ARGS__},                                                           \
                sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span))

/* The partition's term is another one: another worker has taken it. Nothing else is known of it then. */
void shards_lose_term(struct shards *shards, int32_t partition, struct span found);

/* "topic/partition" of the command topic, in the arena. */
struct span shards_place(const struct shards *shards, int32_t partition, struct arena *arena);

/* Where the term of a place is. */
unsigned shards_term_slot(struct span place);

/* The key of a slot's fence, in the arena. */
struct span shards_fence_key(unsigned slot, struct arena *arena);

/* The fence of a slot that is sound, without partitions; its key is in the arena. */
struct fence shards_fence(const struct shards *shards, unsigned slot, struct arena *arena);

/* The key of a shard's checkpoint, in the arena. */
struct span shards_checkpoint_key(const struct shards *shards, size_t node, struct span place, struct arena *arena);

/* The key of what is announced in a shard, in the arena. */
struct span shards_announced_key(const struct shards *shards, size_t node, struct span place, struct arena *arena);

/* A commit that is announced (shards.h); in the batch's arena. */
struct shards_announcement {
    struct shards_written *written; /* the shards that are complete */
    uint32_t count;
    const struct span *values; /* by partition of the batch */
    uint32_t part_count;
};

/* Announces the batch's commit: is prepared before any pipeline is open, and the answers are taken in the same order.
 * What is not written only costs a restoration, should the worker be killed. */
void shards_announce_prepare(struct shards *shards, struct batch *batch, struct shards_announcement *announcement);
void shards_announce_write(struct cluster_pipelines *pipelines, const struct shards_announcement *announcement);
void shards_announce_take(struct shards *shards, struct cluster_pipelines *pipelines,
                          const struct shards_announcement *announcement);

/* The next answer of a node, to a script or a command for the slot. Notes what follows from a redirect, from NOSCRIPT
 * and from a fence or a term that is not ours. New, or NULL unless the end is SCRIPT_DONE; an error of type is an
 * answer. */
MUST_CHECK redisReply *shards_answer(struct shards *shards, struct cluster_pipelines *pipelines, size_t node,
                                     unsigned slot, enum script_end *end, struct script_failure *failure);

/* Notes what follows from a script that was not carried out in the slot. Always false. */
bool shards_refused(struct shards *shards, unsigned slot, enum script_end end, const struct script_failure *failure);

/* Before the claims of a batch: writes how far its partitions are claimed, where that is further than before. */
MUST_CHECK bool shards_raise_claimed(struct shards *shards, struct batch *batch);

/* If all slots are sound: the partitions whose logs were cut are claimed as far as they are committed, and no longer
 * wait. */
void shards_lower_claimed(struct shards *shards, struct arena *scratch);

/* Removes the claims that an earlier run made for commands whose client does not fit (item->record_form). False: the
 * batch is to be claimed again. */
MUST_CHECK bool shards_release(struct shards *shards, struct batch *batch);

/* The commands of a batch that share a slot. */
struct shards_group {
    uint16_t node;
    unsigned slot;
    struct decision_group group;
};

/* The groups of the batch's commands that are ours and have a workspace, in the order of their nodes, in the batch's
 * arena. False if a slot or a partition may not be decided. */
MUST_CHECK bool shards_groups(struct shards *shards, struct batch *batch, struct shards_group **groups,
                              uint32_t *count);

#endif
