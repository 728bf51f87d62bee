/* definitions_preload: before the daemon judges anything, Redis gets from the definitions topic what it lacks. A thread
 * of its own, which tries until it has succeeded. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_PRELOAD_H
#define WORKER_DEFINITIONS_DEFINITIONS_PRELOAD_H

#include <time.h>

#include "common/must_check.h"
#include "worker/config/config.h"

struct definitions_preload;

/* New, with its thread started; or NULL after the reason was logged. `config` must outlive it. */
MUST_CHECK struct definitions_preload *definitions_preload_open(const struct config *config);

/* Asks the thread to end and waits until `deadline` (CLOCK_REALTIME) for it: a question to Kafka or Redis may be under
 * way, which takes seconds. True if it has ended. It holds nothing that could be lost. NULL is fine. */
MUST_CHECK bool definitions_preload_end(struct definitions_preload *fill, const struct timespec *deadline);

/* Once the thread has ended. NULL is fine. */
void definitions_preload_free(struct definitions_preload *fill);

/* True once Redis lacks nothing. Any thread may ask. */
bool definitions_preload_is_done(const struct definitions_preload *fill);

#endif
