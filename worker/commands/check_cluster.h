/* check_cluster: what `client-intake check` says about a Redis Cluster (redis.kind = cluster). */
#ifndef WORKER_COMMANDS_CHECK_CLUSTER_H
#define WORKER_COMMANDS_CHECK_CLUSTER_H

#include "worker/commands/check_report.h"
#include "worker/config/config.h"

void check_cluster(struct check_report *report, const struct config *config);

#endif
