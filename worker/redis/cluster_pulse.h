/* cluster_pulse: asks all masters of a cluster, at the same time, whether they are there, and of which epochs they know
 * (CLUSTER INFO).
 *
 *   current epoch  how many failovers and moved slots the node has heard of
 *   config epoch   the one under which the master has its slots. A failover gives it a new one, and so does a slot that
 *                  comes, unless nobody has a higher one
 *
 * Who wants to be elected raises the current epoch first, and each master that votes for it has heard of it before. So
 * as long as more than half of the masters have heard of no epoch above that of the map, nobody was elected since the
 * map, and the masters of the map are the masters. A master that was cut off and replaced is among them for a while,
 * and takes writes: this is how its clients know. (CLUSTER FAILOVER TAKEOVER asks nobody, and is not noticed by this.)
 *
 * cluster_confirm.h asks the same in a round trip of its own, for who writes without pipelines.
 */
#ifndef WORKER_REDIS_CLUSTER_PULSE_H
#define WORKER_REDIS_CLUSTER_PULSE_H

#include "worker/redis/cluster_pipelines.h"

/* Of one master. */
struct cluster_beat {
    uint64_t connection; /* by which it answered; 0: it did not */
    uint64_t config_epoch, current_epoch;
};

/* Writes the question to all nodes that are there, behind what was written to them before. */
void cluster_pulse_write(struct cluster_pipelines *pipelines);

/* Reads the answer of a node; false if there is none, or if it was not asked, since it was away or refused commands. */
MUST_CHECK bool cluster_pulse_take(struct cluster_pipelines *pipelines, size_t node, struct cluster_beat *beat);

/* Reads the epochs in an answer to CLUSTER INFO. False if there are none. */
MUST_CHECK bool cluster_beat_read(const char *info, struct cluster_beat *beat);

/* Whether more than half of the masters have answered that they know of no epoch above `epoch`. */
bool cluster_beats_agree(const struct cluster_beat *beats, size_t count, uint64_t epoch);

#endif
