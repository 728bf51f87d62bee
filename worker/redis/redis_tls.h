/* redis_tls: TLS on connections to Redis, as the config's redis.tls_* say. hiredis has it since 1.0, in a library of
 * its own; the Makefile looks for that and chooses redis_tls.c or redis_tls_none.c. */
#ifndef WORKER_REDIS_REDIS_TLS_H
#define WORKER_REDIS_REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

/* Whether the config may ask for it. */
#define REDIS_TLS_IS_BUILT_IN CLIENT_INTAKE_REDIS_TLS

/* Shakes hands on a fresh connection, whose time limit has been set: the server's certificate must come from
 * redis.tls_ca and be made for redis.tls_name, or else for `host`. False with the reason in `why`; the connection is of
 * no more use. The files are read each time, so that a certificate that was renewed counts from the next connection on.
 */
MUST_CHECK bool redis_tls_begin(redisContext *connection, const struct config *config, const char *host, char *why,
                                size_t error_size);

#endif
