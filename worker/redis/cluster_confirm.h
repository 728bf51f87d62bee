/* cluster_confirm: whether masters of a cluster that were just written to had not been replaced. It is to a cluster
 * what redis_is_still_chosen is to Sentinels. cluster_confirm asks in a round trip of its own, for who writes without
 * pipelines; worker/index asks the same with the questions of a batch (cluster_pulse.h), and keeps the calm.
 *
 * How a replica is elected. It raises the current epoch by one and asks all masters for their votes in that epoch. A
 * master that gets the question knows of the epoch from then on, votes once in an epoch at most, and never in one below
 * the one that it knows of. With the votes of more than half of the masters the replica is the master, and tells the
 * others. Without them it gives up after twice cluster-node-timeout, or 2 s if that is more.
 *
 * So there is a time in which a node knows of the epoch and not of its winner. What it says then is what it says for
 * ever behind an election that nobody has won: the new epoch with the old map. Epochs and maps of masters cannot tell
 * the two apart. The replicas can, and so can time. After the write all these must hold:
 *
 *   1. More than half of the masters of the map say that they know of no epoch above that of the map.
 *   2. Of each master that was written to, either
 *      a. every replica that the map lists says, after the write, that it is a replica, or
 *      b. more than half of the masters have given no vote for CLUSTER_CALM_MS before the map was asked for, and none
 *         since.
 *
 * Why. Let a replica R have taken the place of a master M in epoch e before these questions were asked.
 *
 *   - e is above the map's epoch. All who voted for R know of e, by 1 more than half do not, and some master would be
 *     among both.
 *   - e is not above it, and 2a holds. R is no replica, unless it was replaced in turn, in a higher epoch, by another
 *     replica, which is not one any more, or by M. The latter election began after R had won. If its epoch is above the
 *     map's, 1 does not hold. If not, M had been R's replica before the map was asked for, and refused writes until it
 *     was elected. So what it took is not lost with what R has replaced.
 *   - e is not above it, and 2b holds. Some master has voted for R and is among those of 2b, so it voted before, and R
 *     was the master long before the map was asked for. Nodes hear from a master every second, or cut it off.
 *
 * This does not cover:
 *
 *   - CLUSTER FAILOVER TAKEOVER, which asks nobody.
 *   - Replicas that the map does not list: one that the node which gave the map counts as failed, or has only just
 *     heard of; if it is elected in an epoch that this node knows of and it hears nothing from the winner.
 *   - A node that gave the map and has been cut off from a new master alone, of all nodes, for the time of 2b.
 *   - cluster-node-timeout of more than CLUSTER_CALM_MS / 2, and a replica whose process stands still for that time
 *     between counting its votes and being a master.
 *   - A slot that is given to a master of the highest epoch (CLUSTER SETSLOT NODE) while its keys are still where they
 *     were, until the earlier master hears of it. Keys that have moved take the fence along, so what is asked there
 * fails.
 *   - Masters that got their first slots since the map, while those of the map who say 1 are cut off from them.
 *   - What a master that was not replaced has taken and not yet sent to its replica when it is killed. That is no
 *     question of a confirmation: replication is asynchronous.
 *
 * Two lines of defence. This is the first, and the only one against a master that does not know that it was replaced:
 * by it everything of a batch is in Kafka before another master can have been asked anything. The second is the audit:
 * on another master each slot has another stamp (slot_book.h), so it is restored from the record topic before anything
 * is decided there, behind the transactions that have come to their commit. Writes that are lost with a master are
 * noticed by that. Neither does without the other. */
#ifndef WORKER_REDIS_CLUSTER_CONFIRM_H
#define WORKER_REDIS_CLUSTER_CONFIRM_H

#include "worker/redis/redis_cluster.h"

/* For 2b: a minute, so that cluster-node-timeout may be up to 30 s; the default is 15 s. */
#define CLUSTER_CALM_MS 60000

/* Asks all masters that are there, and then all replicas (2a). False with the reason in `error`, also if that is not
 * certain. It takes CLUSTER_WAIT_MS for all masters that are silent, and as long as cluster_witnesses_ask. */
MUST_CHECK bool cluster_confirm(struct redis_cluster *cluster, char *error, size_t error_size);

#endif
