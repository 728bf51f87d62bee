/* shards_audit_internal: what the two files of the audit of a cluster share. No other file includes it. */
#ifndef WORKER_INDEX_SHARDS_AUDIT_INTERNAL_H
#define WORKER_INDEX_SHARDS_AUDIT_INTERNAL_H

#include "worker/index/shards_internal.h"

struct read_slot {
    unsigned slot;
    struct slot_reading reading;
    bool was_read;
};

/* One master, while it is audited. */
struct audited {
    uint16_t node;
    bool answered;
    struct read_slot *slots;
    uint32_t slot_count;
    struct span *keys, *announced; /* of its checkpoints and of what is announced, by partition */
    struct checkpoint
        *checkpoints;     /* what stood there; or what was announced, if that is what the group has committed */
    bool has_checkpoints; /* all of them were answered */
    struct cluster_beat beat;
};

/* How far a partition is claimed, beside its term. */
struct claimed_mark {
    struct span place;
    unsigned slot;
    uint16_t node; /* CLUSTER_NO_MASTER: it is away */
    bool was_read;
    int64_t claimed;
};

struct shards_audit {
    struct shards *shards;
    const struct kafka_progress *progress;
    struct arena *arena;
    struct audited *audited;
    uint32_t count;
    struct claimed_mark *claimed; /* by partition */
    bool is_behind, is_ahead, is_lost;
    struct audit_gap *gap;
};

/* Finds out what to ask, asks all masters at the same time, and keeps their answers in the arena. False when out of
 * memory. */
MUST_CHECK bool shards_audit_ask(struct shards_audit *audit);

#endif
