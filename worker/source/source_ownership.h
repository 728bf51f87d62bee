/* source_ownership: finds partitions without an owner. */
#ifndef WORKER_SOURCE_SOURCE_OWNERSHIP_H
#define WORKER_SOURCE_SOURCE_OWNERSHIP_H

#include "worker/source/source_state.h"

/* For a static member that has joined again: counts the partitions without an owner, and rejoins the group if there are
 * any, until there are none. Call it before each fill; the batch must be empty. */
void source_watch_ownership(struct source *source);

/* Ends the watch and frees its observer. */
void source_end_watch(struct source *source);

#endif
