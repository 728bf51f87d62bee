/* worker_feed: where a worker's commands come from, and what is special about them. The daemon's feed is the consumer
 * of its group (source.h). A replay has a feed that reads a part of the history, and passes the same stages with it. */
#ifndef WORKER_DAEMON_WORKER_FEED_H
#define WORKER_DAEMON_WORKER_FEED_H

#include "worker/index/index_audit.h"
#include "worker/metrics/metrics.h"
#include "worker/source/source.h"

/* What a feed may use of its worker. All of it outlives the feed's source. */
struct feed_worker {
    const struct config *config;
    unsigned number;
    struct batch *batch;
    struct metrics *metrics;
    struct index *index;
};

/* `source` is what `open` has returned. The functions of the first part are those of source.h with the same names. */
struct worker_feed {
    void *context;             /* of the feed's owner */
    const char *transactional; /* what is added to the prefix of transactional.id; NULL: the thread's number */

    void *(*open)(void *context, const struct feed_worker *worker);
    void (*close)(void *source);
    int (*fill)(void *source, uint32_t most, int wait_ms);
    int (*pause)(void *source, int wait_ms);
    void (*resume)(void *source);
    void (*poll)(void *source);
    uint64_t (*assignments)(const void *source);
    uint64_t (*losses)(const void *source);
    void (*find_losses)(void *source);
    int32_t *(*partitions)(void *source, int32_t *count);
    bool (*ask_progress)(void *source, int wait_ms, struct kafka_progress *progress);
    bool (*is_sure)(const void *source);
    bool (*is_cut_off)(const void *source);
    rd_kafka_topic_partition_list_t *(*offsets)(void *source);
    int64_t (*nonce)(const void *source);
    void (*begin)(void *source); /* the batch is evaluated, perhaps again */
    void (*note_committed)(void *source, const rd_kafka_topic_partition_list_t *offsets);
    rd_kafka_topic_partition_list_t *(*idle_offsets)(void *source);
    enum reconcile_result (*reconcile)(void *source, bool in_doubt, int wait_ms);
    const rd_kafka_consumer_group_metadata_t *(*group)(const void *source);
    uint32_t (*put_off)(void *source, uint32_t most);
    uint32_t (*waiting)(const void *source);
    void (*release)(void *source);

    /* NULL in a feed that is never used with delivery.mode = at-least-once, or with definitions.on_missing = wait. */
    bool (*commit)(void *source);
    bool (*commit_offsets)(void *source, rd_kafka_topic_partition_list_t *offsets);
    bool (*postpone)(void *source, uint32_t index, int64_t limit_ms);

    /* NULL in a feed that keeps no claims of postponed commands. */
    void (*forget_claims)(void *source);

    /* NULL in a feed that is never used with a cluster. */
    void (*hold)(void *source, uint32_t index);

    /* NULL in a feed whose commands are known to be in their places. */
    void (*settle_jumps)(void *source);

    /* NULL in the daemon's feed. */
    bool (*may_begin)(void *context);                            /* false: no producer may be opened now */
    void (*beat)(void *context);                                 /* called several times a second */
    bool (*look_up)(void *source);                               /* in place of index_definitions */
    void (*claimed)(void *source);                               /* after index_claim: it may drop items */
    void (*committed)(void *source, const struct offsets *ends); /* of the batch; `ends` as in index_checkpoint */
};

/* The consumer of the config's group. */
extern const struct worker_feed group_feed;

#endif
