/* definitions_fill: before the daemon judges anything, Redis gets from the definitions topic what it lacks. A thread of
 * its own, which tries until it has succeeded. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_FILL_H
#define WORKER_DEFINITIONS_DEFINITIONS_FILL_H

#include <time.h>

#include "worker/config/config.h"

struct definitions_fill;

/* New, with its thread started; or NULL after the reason was logged. `config` must outlive it. */
struct definitions_fill *definitions_fill_open(const struct config *config);

/* Asks the thread to end and waits until `deadline` (CLOCK_REALTIME) for it: a question to Kafka or Redis may be under
 * way, which takes seconds. True if it has ended. It holds nothing that could be lost. NULL is fine. */
bool definitions_fill_end(struct definitions_fill *fill, const struct timespec *deadline);

/* Once the thread has ended. NULL is fine. */
void definitions_fill_free(struct definitions_fill *fill);

/* True once Redis lacks nothing. Any thread may ask. */
bool definitions_fill_is_done(const struct definitions_fill *fill);

#endif
