/* source_burden: the memory of prefetched messages. */
#ifndef WORKER_SOURCE_SOURCE_BURDEN_H
#define WORKER_SOURCE_SOURCE_BURDEN_H

#include "worker/source/source_state.h"

#define HEAVY_BYTES   ((size_t)64 << 10) /* average bytes of key and headers from which on nothing is prefetched */
#define HEAVY_WAIT_MS 20                 /* for the next message then, so that batches fill all the same */

/* Call before a fill: notes how many messages were fetched since the last batch was filled. As many may come during the
 * next one. */
void source_note_coming(struct source *source);

/* Call after a fill: drops what was prefetched if it takes too much memory. */
void source_lighten(struct source *source);

/* True while very long messages are held: the partitions stay paused until batches have taken these. */
MUST_CHECK bool source_is_draining(const struct source *source);

#endif
