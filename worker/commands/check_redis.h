/* check_redis: what `client-intake check` says about Redis and its Sentinels. */
#ifndef WORKER_COMMANDS_CHECK_REDIS_H
#define WORKER_COMMANDS_CHECK_REDIS_H

#include "worker/commands/check_report.h"
#include "worker/config/config.h"

void check_redis(struct check_report *report, const struct config *config);

#endif
