/* definitions_sync: fills Redis from the definitions topic. It reads the topic twice, so that it holds one line per
 * workspace and not all definitions: first it learns which message is the last of each workspace, then it stores
 * those. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_SYNC_H
#define WORKER_DEFINITIONS_DEFINITIONS_SYNC_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/offsets.h"

enum definitions_sync_mode {
    SYNC_MISSING, /* store what Redis lacks; existing values stay */
    SYNC_SINCE,   /* the messages of the topic since some offsets: as SYNC_ALL, but other workspaces stay */
    SYNC_EARLIER, /* as SYNC_MISSING, and the topic's last replaces what is an earlier value of the topic, as a replica
                     has it that was promoted; values that were never in the topic stay. As
                     SYNC_MISSING, with a warning, if the topic has more than SYNC_VALUES_MOST values */
    SYNC_ALL      /* the topic's last wins: store what differs, delete what the topic has removed */
};

struct definitions_sync_result {
    uint64_t stored, removed;
    uint64_t same;        /* Redis had it, or had a value that must stay */
    uint64_t passed_over; /* messages whose key is not a workspace id */
};

/* Called from time to time with the progress. Returns false to end the sync early. */
typedef bool definitions_sync_progress(void *listener, int64_t done, int64_t total);

/* Reads up to the present end and, with SYNC_SINCE and SYNC_ALL, the messages that arrive while it writes. It writes no
 * value that is older than the topic's at that moment, and no key that another process has changed since the
 * comparison, even if this process stalls before the write. Returns false with the reason in `error`, or with "" there
 * if it was ended early; values stored until then stay. `range` may be NULL: with SYNC_SINCE it holds the offsets of
 * the beginning, and on return, in every mode, those up to which the topic was read. `progress` may be NULL. */
MUST_CHECK bool definitions_sync(const struct config *config, enum definitions_sync_mode mode, struct offsets *range,
                                 definitions_sync_progress *progress, void *listener,
                                 struct definitions_sync_result *result, char *error, size_t error_size);

/* As definitions_sync with SYNC_EARLIER, of the workspaces for which `wants` is true. So slots of a cluster of which
 * none is wanted may be away. */
typedef bool definitions_sync_choice(void *listener, struct span workspace);
MUST_CHECK bool definitions_sync_some(const struct config *config, definitions_sync_choice *wants,
                                      definitions_sync_progress *progress, void *listener,
                                      struct definitions_sync_result *result, char *error, size_t error_size);

#endif
