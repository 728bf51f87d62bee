/* cluster_pulse: asks all masters of a cluster, at the same time, whether they are there, of which epochs they know,
 * and how often they have voted (CLUSTER INFO). cluster_confirm.h tells what that proves.
 *
 *   current epoch  how many elections and moved slots the node has heard of
 *   config epoch   the one under which the master has its slots. A failover gives it a new one, and so does a slot that
 *                  comes, unless nobody has a higher one
 *   votes          how many the master has given since it was started; a server that counts no messages does not tell
 */
#ifndef WORKER_REDIS_CLUSTER_PULSE_H
#define WORKER_REDIS_CLUSTER_PULSE_H

#include "worker/redis/cluster_pipelines.h"

/* Of one master. */
struct cluster_beat {
    uint64_t connection; /* by which it answered; 0: it did not */
    uint64_t config_epoch, current_epoch, votes;
    bool tells_votes;
};

/* Since when masters have given no vote. */
struct cluster_calm {
    struct {
        uint64_t connection, votes;
        int64_t since_ms;
    } masters[CLUSTER_MASTERS_MOST];
    size_t count;
};

/* Writes the question to all nodes that are there, behind what was written to them before. */
void cluster_pulse_write(struct cluster_pipelines *pipelines);

/* Reads the answer of a node; false if there is none, or if it was not asked, since it was away or refused commands. */
MUST_CHECK bool cluster_pulse_take(struct cluster_pipelines *pipelines, size_t node, struct cluster_beat *beat);

/* Reads the epochs and the votes in an answer to CLUSTER INFO. False if there are no epochs. */
MUST_CHECK bool cluster_beat_read(const char *info, struct cluster_beat *beat);

/* Whether more than half of the masters have answered that they know of no epoch above `epoch`. */
bool cluster_beats_agree(const struct cluster_beat *beats, size_t count, uint64_t epoch);

/* Notes the beats of a look. A master that did not answer, or answered by another connection, may have been started
 * again and have forgotten its votes: it begins again. */
void cluster_calm_note(struct cluster_calm *calm, const struct cluster_beat *beats, size_t count, int64_t now_ms);

/* Whether more than half of the masters have given no vote from `since_ms` on until these beats. */
bool cluster_calm_is(const struct cluster_calm *calm, const struct cluster_beat *beats, size_t count, int64_t since_ms);

#endif
