/* shards_rebuild: restores all slots of a cluster that are lost from the record topic, while the others go on. The
 * daemon does not use it yet. shards_restore.h has the steps. */
#ifndef WORKER_INDEX_SHARDS_REBUILD_H
#define WORKER_INDEX_SHARDS_REBUILD_H

#include "common/must_check.h"
#include "worker/index/shards.h"

/* REBUILD_DONE: slots are sound; others may have left the restoration, and are found by the next audit.
 * REBUILD_BY_OTHER: no slot could be taken, since others restore them. `committed` is what the group has committed, as
 * the audit knew it. The other results, and `error`, are those of index_rebuild. The definitions are not restored
 * here. */
MUST_CHECK enum rebuild_result shards_rebuild(struct shards *shards, const struct offsets *committed,
                                              struct arena *scratch, index_keep_going *keep_going, void *listener,
                                              char *error, size_t error_size);

#endif
