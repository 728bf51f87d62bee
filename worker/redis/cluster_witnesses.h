/* cluster_witnesses: the replicas of a cluster's masters, and what they say of themselves: whether they still are
 * replicas. cluster_confirm.h tells what that proves. Connections to them stay open from one question to the next.
 *
 * A replica that is silent or cannot be reached is no witness, and is asked again after a pause that grows with the
 * time that it took. Once the cluster counts it as failed it is not in the map any more. */
#ifndef WORKER_REDIS_CLUSTER_WITNESSES_H
#define WORKER_REDIS_CLUSTER_WITNESSES_H

#include "worker/config/config.h"
#include "worker/redis/cluster_map.h"

struct cluster_witness {
    struct cluster_replica replica;
    redisContext *connection; /* NULL: none */
    int64_t call_at_ms;       /* not called before (clock_now_ms) */
    bool is_asked;
};

struct cluster_witnesses {
    struct cluster_witness *all;
    size_t count;
};

/* Those of a new map. A replica that is where it was keeps its connection. False when out of memory: they are as
 * before. */
MUST_CHECK bool cluster_witnesses_follow(struct cluster_witnesses *witnesses, const struct cluster_map *map);
void cluster_witnesses_close(struct cluster_witnesses *witnesses);

/* Asks the replicas of the masters of which needed[master] is true, all at the same time. vouched[master] of these:
 * each of its replicas has just said that it is one. The others are left alone. It takes CLUSTER_WAIT_MS for all of
 * them that are silent, and 500 ms for new connections. Where one has not vouched, its reason is in `error`. */
void cluster_witnesses_ask(struct cluster_witnesses *witnesses, const struct config *config, size_t masters,
                           const bool *needed, bool *vouched, char *error, size_t error_size);

#endif
