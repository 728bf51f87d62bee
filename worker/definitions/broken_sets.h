/* broken_sets: which broken definition sets the log has told of. A cache compiles a set again after it was evicted, and
 * each thread has a cache, so all of them note it here. The last 1,024 workspaces with a broken set are remembered. For
 * any thread. */
#ifndef WORKER_DEFINITIONS_BROKEN_SETS_H
#define WORKER_DEFINITIONS_BROKEN_SETS_H

#include "common/must_check.h"
#include "common/span.h"

/* Notes the workspace's broken set, named by the hash of its bytes. True if it is news: the last one that was noted of
 * this workspace is another, or was mended. */
MUST_CHECK bool broken_sets_note(struct span workspace, struct span hash);

/* The workspace has a set that can be used, or none. */
void broken_sets_mend(struct span workspace);

#endif
