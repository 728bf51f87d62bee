/* check_info: what `client-intake check` makes of INFO, Redis' text about itself: settings that lose data. */
#ifndef WORKER_COMMANDS_CHECK_INFO_H
#define WORKER_COMMANDS_CHECK_INFO_H

#include "worker/commands/check_report.h"

/* A Redis that drops keys when it is full. */
void check_info_eviction(struct check_report *report, const char *info, const char *address);

/* A master without replicas, or one that takes writes without them. */
void check_info_replicas(struct check_report *report, const char *info, const char *address);

#endif
