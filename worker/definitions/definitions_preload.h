/* definitions_preload: copies to Redis what it lacks of the definitions topic, before the daemon handles commands. A
 * thread of its own, which retries until it has succeeded. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_PRELOAD_H
#define WORKER_DEFINITIONS_DEFINITIONS_PRELOAD_H

#include <time.h>

#include "common/must_check.h"
#include "worker/config/config.h"

struct definitions_preload;

/* New, with its thread started; or NULL after the reason was logged. `config` must outlive it. */
MUST_CHECK struct definitions_preload *definitions_preload_open(const struct config *config);

/* Asks the thread to end and waits for it until `deadline` (CLOCK_MONOTONIC): a call to Kafka or Redis may be in
 * progress, which takes seconds. True if it has ended. The thread holds nothing that could be lost. NULL is allowed. */
MUST_CHECK bool definitions_preload_end(struct definitions_preload *fill, const struct timespec *deadline);

/* To be called when the thread has ended. NULL is allowed. */
void definitions_preload_free(struct definitions_preload *fill);

/* True once Redis lacks nothing. Any thread may call it. */
bool definitions_preload_is_done(const struct definitions_preload *fill);

#endif
