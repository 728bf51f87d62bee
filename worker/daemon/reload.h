/* reload: reads the config again on HUP. Only the keys that the config table marks CONFIG_MAY_RELOAD change. All others
 * keep the value of the start. */
#ifndef WORKER_DAEMON_RELOAD_H
#define WORKER_DAEMON_RELOAD_H

#include "worker/config/config.h"

struct reload;

/* From now on HUP requests a reload. New, or NULL when out of memory. `config` is the config of the start and must
 * outlive it. */
struct reload *reload_open(const struct config *config);

/* Frees every config that reload_read returned. None of them may be in use. */
void reload_close(struct reload *reload);

/* True once after each HUP. Several HUPs between two calls count as one. */
bool reload_is_requested(void);

/* Reads the config again from its first sources, applies log.level, and logs the changed keys that need a restart.
 * Returns the config of the start with the new values of the others, which validates commands from the next batch on:
 * borrowed, valid until reload_close. NULL after the reason was logged if the config has errors, or if its limits do
 * not fit the keys that keep their value: then nothing changes. */
const struct config *reload_read(struct reload *reload);

#endif
