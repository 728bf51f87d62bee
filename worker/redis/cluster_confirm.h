/* cluster_confirm: whether what was just written to masters of a cluster went to masters that had not been replaced:
 * for whoever wrote something without an audit that would notice its loss. It is to a cluster what
 * redis_is_still_chosen is to Sentinels.
 *
 * A replica is promoted by the votes of more than half of the masters, in an epoch that is higher than all before. A
 * master knows of that epoch before it votes. So if more than half of the masters say, after the write, that they have
 * heard of no higher epoch than the map's by which it was written, no vote had ended when it was written: some master
 * would be in both halves. Not covered are CLUSTER FAILOVER TAKEOVER, which needs no votes, a master that is lost
 * before its replica has the write, and a write by a map of the moment between a vote and its result: a node that has
 * heard of the election and not yet of the new master tells the new epoch with the old map. */
#ifndef WORKER_REDIS_CLUSTER_CONFIRM_H
#define WORKER_REDIS_CLUSTER_CONFIRM_H

#include "worker/redis/redis_cluster.h"

/* Asks all masters that are there, at the same time. False with the reason in `error`, also if that is not certain. It
 * takes redis.timeout for each master that is silent. */
MUST_CHECK bool cluster_confirm(struct redis_cluster *cluster, char *error, size_t error_size);

#endif
