/* redis_tls: TLS on connections to Redis, as the config's redis.tls_* keys say. hiredis supports it since 1.0, in a
 * separate library. If the Makefile finds that library, it compiles redis_tls.c, else redis_tls_none.c. */
#ifndef WORKER_REDIS_REDIS_TLS_H
#define WORKER_REDIS_REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

/* True if the program is built with TLS, so the config may turn it on. */
#define REDIS_TLS_IS_BUILT_IN CLIENT_INTAKE_REDIS_TLS

/* Does the TLS handshake on a new connection whose time limit is set. The server's certificate must be signed by
 * redis.tls_ca and be issued for redis.tls_name, or for `host` if that is empty. False with the reason in `error`: the
 * connection is unusable. The files are read each time, so a renewed certificate is used from the next connection on.
 */
MUST_CHECK bool redis_tls_begin(redisContext *connection, const struct config *config, const char *host, char *error,
                                size_t error_size);

#endif
