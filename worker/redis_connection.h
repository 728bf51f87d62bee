/* redis_connection: opening a connection to Redis as the config says. Works with hiredis 0.14 and 1.x. */
#ifndef WORKER_REDIS_CONNECTION_H
#define WORKER_REDIS_CONNECTION_H

#include <hiredis/hiredis.h>

#include "worker/config.h"

/* New: connected, with TLS if the config asks for it, authenticated, on the config's database, with redis.timeout on
 * connecting and on every read and write. NULL with the reason in `why`, which never holds a password. Free it with
 * redisFree. */
redisContext *redis_connect(const struct config *config, char *why, size_t why_size);

#endif
