/* shards_rebuild: restores all slots of a cluster that are lost from the record topic, while the others go on.
 * shards_restore.h has the steps. */
#ifndef WORKER_INDEX_SHARDS_REBUILD_H
#define WORKER_INDEX_SHARDS_REBUILD_H

#include "common/must_check.h"
#include "worker/index/shards.h"

/* REBUILD_DONE: slots are sound; others may have left the restoration, and are found by the next audit.
 * REBUILD_BY_OTHER: no slot could be taken, since others restore them. `committed` is what the group has committed, as
 * the audit knew it. The other results, and `error`, are those of index_rebuild. Definitions that these slots lack are
 * written, too, and those that are an earlier version of the topic's, as a replica has them that was promoted. */
MUST_CHECK enum rebuild_result shards_rebuild(struct shards *shards, const struct offsets *committed,
                                              struct arena *scratch, index_keep_going *keep_going, void *listener,
                                              char *error, size_t error_size);

#endif
