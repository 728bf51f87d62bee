/* redis_connection: opens a connection to Redis as the config says. Works with hiredis 0.14 and 1.x. Every connection
 * of the program to the server that keeps the index is made here.
 *
 * The folder worker/redis holds what several users of Redis share: connections, Sentinels, clusters, pipelines, the
 * epoch and the names of keys. It may use hiredis and the folders before it in docs/design.md. */
#ifndef WORKER_REDIS_REDIS_CONNECTION_H
#define WORKER_REDIS_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* The error of redis_connect for a node of a cluster, with advice. */
#define REDIS_IS_CLUSTER_NODE                                                                                          \
    "it is a node of a Redis Cluster (cluster_enabled:1): use redis.kind = cluster, or name a Redis in redis.address " \
    "that runs with cluster-enabled no"

/* New, to be freed with redisFree: connected, with TLS if the config says so, authenticated, and on the config's
 * database. With redis.kind = sentinel it is a connection to the server that the Sentinels name as the master now, if
 * that server says so, too. redis.timeout limits connecting and every read and write. NULL with the reason in `error`,
 * which never holds a password.
 */
MUST_CHECK redisContext *redis_reach(const struct config *config, char *error, size_t error_size);

/* True if Redis says that it is a node of a cluster, where one command cannot read keys of two workspaces. False if the
 * user may not ask. */
bool redis_is_cluster_node(redisContext *connection);

/* Like redis_reach, but NULL for a node of a cluster. */
MUST_CHECK redisContext *redis_connect(const struct config *config, char *error, size_t error_size);

/* Whether the server of this connection is still the one that redis_connect would choose: for a caller that wrote
 * something without an audit that would notice its loss. False with the reason in `error`, also if that is not certain.
 * Without Sentinels it is always true. */
MUST_CHECK bool redis_is_still_chosen(const struct config *config, const redisContext *connection, char *error,
                                      size_t error_size);

/* Room for the text of redis_address. */
#define REDIS_ADDRESS_BYTES 272

/* Where the server of a connection is: "HOST:PORT", "[IPv6]:PORT" or "unix:PATH", cut if it is longer. */
void redis_address(const redisContext *connection, char text[REDIS_ADDRESS_BYTES]);

#endif
