/* reload: what a running daemon can be told anew (HUP): the keys that the table of the config marks so. Everything else
 * keeps the value of the start. */
#ifndef WORKER_DAEMON_RELOAD_H
#define WORKER_DAEMON_RELOAD_H

#include "worker/config/config.h"

struct reload;

/* From now on HUP asks for a reload. New; `config` is that of the start and must outlive it. NULL when out of memory.
 */
struct reload *reload_open(const struct config *config);

/* Frees every config that was read again; nobody may use one any more. */
void reload_close(struct reload *reload);

/* True once for each HUP, or for several that came together. */
bool reload_is_requested(void);

/* Reads the config again from where it was read first, applies log.level, and names the changed keys that have to wait
 * for a restart. The new config, by which commands are to be judged from the next batch on: borrowed, valid until
 * reload_close. NULL, after the reason was logged, if it has errors: then nothing changes. */
const struct config *reload_read(struct reload *reload);

#endif
