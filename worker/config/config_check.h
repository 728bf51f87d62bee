/* config_check: contradictions between two keys. */
#ifndef WORKER_CONFIG_CONFIG_CHECK_H
#define WORKER_CONFIG_CONFIG_CHECK_H

#include "worker/config/config_source.h"

/* Prints each contradiction, at the position of the key that was set last of those involved. */
void config_check(struct config_reading *reading, const struct config *config);

/* Only the contradictions in which a key takes part that may be reloaded. */
void config_check_limits(struct config_reading *reading, const struct config *config);

#endif
