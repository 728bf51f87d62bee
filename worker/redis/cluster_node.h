/* cluster_node: the connection to one master of a cluster, for commands.
 *
 * An address may lead to another node than the map says: one that was replaced, or that fails over at this moment. So
 * the first questions on a connection are who is there (CLUSTER MYID), whether it is a master (ROLE), and which shard
 * it belongs to.
 *
 * The shard. What was verified in a slot holds as long as the slot is on the same shard: a failover keeps what was
 * replicated, but a slot that moves takes only its keys along. CLUSTER MYSHARDID (Redis 7.2, Valkey) names the shard,
 * and that name stays through a failover. Without it, or without the right to ask, the id of the master takes its
 * place. That id changes with a failover, so all slots of the shard have to be verified again then, which costs time
 * and harms nothing: a master that comes back to its id was a replica in between, and has what its master had.
 *
 * A node that is away is called again after a pause that grows with the time that the last call took, so that a node
 * that is silent costs a tenth of the caller's time at most. */
#ifndef WORKER_REDIS_CLUSTER_NODE_H
#define WORKER_REDIS_CLUSTER_NODE_H

#include "worker/config/config.h"
#include "worker/redis/cluster_map.h"

#define CLUSTER_PAUSE_MS      250 /* at least, before a node or a slot is tried again */
#define CLUSTER_PAUSE_OF_CALL 10  /* times as long as the call that failed */

enum shard_id { SHARD_ID_OF_SHARD, SHARD_ID_OF_MASTER };

struct cluster_node {
    struct cluster_master master; /* what the map says of it */
    redisContext *connection;     /* NULL: it is away */
    uint64_t number;              /* of the connection: each has a higher one than those before it. 0: there was none */
    char shard[CLUSTER_ID_LENGTH + 1];
    enum shard_id shard_id; /* whose id that is */
    int64_t call_at_ms;     /* not called before (clock_now_ms) */
    int64_t rest_until_ms;  /* connected, but it refuses commands; away until then */
    bool is_doubtful; /* nobody vouches for it (cluster_confirm.h, 2a); the caller that asks its replicas notes it */
    char error[192];  /* why it is away, or refuses commands */
};

/* Connects, and finds out who is there. False with the reason in node->error. */
MUST_CHECK bool cluster_node_call(struct cluster_node *node, const struct config *config);

/* Ends the connection, with the reason; the node is called again soon. */
void cluster_node_hang_up(struct cluster_node *node, const char *reason);

/* It refuses commands for now: they wait for a pause. */
void cluster_node_rest(struct cluster_node *node, const char *reason);

/* Whether commands may be sent to it. */
bool cluster_node_is_there(const struct cluster_node *node);

#endif
