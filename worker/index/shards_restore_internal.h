/* shards_restore_internal: what the files of the restoration share. No other file includes it. */
#ifndef WORKER_INDEX_SHARDS_RESTORE_INTERNAL_H
#define WORKER_INDEX_SHARDS_RESTORE_INTERNAL_H

#include "worker/index/shards_internal.h"
#include "worker/index/shards_restore.h"
#include "worker/index/slot_restore.h"

/* A master, as it was at the beginning. */
struct shards_restore_master {
    uint64_t connection;
    char stamp[SLOT_STAMP_BYTES]; /* from before the beginning: a slot that goes and comes meanwhile has another one */
};

struct shards_restore {
    struct shards *shards;
    struct arena *scratch;
    char token[EPOCH_LENGTH], epoch[EPOCH_LENGTH];
    struct shards_restore_master masters[CLUSTER_MASTERS_MOST];
    size_t master_count;
    bool has[REDIS_SLOTS];
};

/* The steps of a slot; its key is in the scratch arena. */
struct slot_restore shards_restore_slot(const struct shards_restore *restore, unsigned slot);

/* The node of a slot that was taken; false if it has left: its connection is another one than at the beginning. */
MUST_CHECK bool shards_restore_node(struct shards_restore *restore, unsigned slot, uint16_t *node);

/* The slot leaves the restoration, and is read again. */
void shards_restore_leave(struct shards_restore *restore, unsigned slot);

/* Writes the checkpoints of shards that are complete, unless somebody else has changed them since. */
void shards_restore_settle(struct shards_restore *restore, const struct shards_progress *progress,
                           const bool *is_complete);

#endif
