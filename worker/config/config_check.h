/* config_check: what two keys together must not say. */
#ifndef WORKER_CONFIG_CONFIG_CHECK_H
#define WORKER_CONFIG_CONFIG_CHECK_H

#include "worker/config/config_source.h"

/* Prints a fault for each contradiction, at the place of the key that was set last of those that it is about. */
void config_check(struct config_reading *reading, const struct config *config);

#endif
