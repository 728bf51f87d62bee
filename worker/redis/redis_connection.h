/* redis_connection: opening a connection to Redis as the config says. Works with hiredis 0.14 and 1.x. */
#ifndef WORKER_REDIS_REDIS_CONNECTION_H
#define WORKER_REDIS_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* Of a Redis that is a node of a cluster: what it is, and what to do. */
#define REDIS_IS_CLUSTER_NODE                                                                                          \
    "it is a node of a Redis Cluster (cluster_enabled:1), which this version cannot use; redis.address must name a "   \
    "Redis that runs with cluster-enabled no"

/* New: connected, with TLS if the config asks for it, authenticated, on the config's database, with redis.timeout on
 * connecting and on every read and write. NULL with the reason in `why`, which never holds a password. Free it with
 * redisFree. */
MUST_CHECK redisContext *redis_reach(const struct config *config, char *why, size_t error_size);

/* True if it says that it is a node of a cluster, where keys of two workspaces cannot be asked for at once. False if
 * the user may not ask. */
bool redis_is_cluster_node(redisContext *connection);

/* The same as redis_reach, but NULL for a node of a cluster. */
MUST_CHECK redisContext *redis_connect(const struct config *config, char *why, size_t error_size);

#endif
