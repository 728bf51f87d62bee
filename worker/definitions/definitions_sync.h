/* definitions_sync: fills Redis from the definitions topic. Reads it twice, so that it holds one line per workspace and
 * not everybody's definitions: first to learn which message is the last of its workspace, then to store those. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_SYNC_H
#define WORKER_DEFINITIONS_DEFINITIONS_SYNC_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/offsets.h"

enum definitions_sync_mode {
    SYNC_MISSING, /* store what Redis lacks, and touch nothing that is there */
    SYNC_SINCE,   /* what came to the topic since some offsets: as SYNC_ALL, but no other workspace is touched */
    SYNC_ALL      /* the topic's last wins: store what differs, remove what the topic says is gone */
};

struct definitions_sync_result {
    uint64_t stored, removed;
    uint64_t same;        /* Redis had it, or had something and was not to be touched */
    uint64_t passed_over; /* messages whose key is not a workspace's id */
};

/* Told from time to time how far it is. Returns false to end it early. */
typedef bool definitions_sync_progress(void *listener, int64_t done, int64_t total);

/* Reads up to the end as it is now and, unless only what is missing is stored, what comes while it writes. Nothing is
 * written that is older than what the topic says at that moment, or whose key another process has changed since it was
 * compared, even if this process stalls before the write. Returns false with the reason in `why`, or with "" there if
 * it was ended early; what was stored until then stays. `range` may be NULL: with SYNC_SINCE the offsets where it
 * begins, and in the end, whatever the mode, those up to which the topic was read. `progress` may be NULL. */
MUST_CHECK bool definitions_sync(const struct config *config, enum definitions_sync_mode mode, struct offsets *range,
                                 definitions_sync_progress *progress, void *listener,
                                 struct definitions_sync_result *result, char *why, size_t error_size);

#endif
