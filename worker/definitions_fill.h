/* definitions_fill: before the daemon judges anything, Redis gets from the definitions topic what it lacks. A thread of
 * its own, which tries until it has succeeded. */
#ifndef WORKER_DEFINITIONS_FILL_H
#define WORKER_DEFINITIONS_FILL_H

#include "worker/config.h"

struct definitions_fill;

/* New, with its thread started; or NULL after the reason was logged. `config` must outlive it. */
struct definitions_fill *definitions_fill_open(const struct config *config);

/* Ends the thread, wherever it is. NULL is fine. */
void definitions_fill_close(struct definitions_fill *fill);

/* True once Redis lacks nothing. Any thread may ask. */
bool definitions_fill_is_done(const struct definitions_fill *fill);

#endif
