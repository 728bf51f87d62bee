/* redis_dial: a connection to one address, whatever server answers there: TLS and the log-in. redis_connection.c calls
 * the server that keeps the index, redis_sentinels.c calls Sentinels. */
#ifndef WORKER_REDIS_REDIS_DIAL_H
#define WORKER_REDIS_REDIS_DIAL_H

#include <hiredis/hiredis.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* Whom to call, and as whom. The texts are borrowed. */
struct redis_call {
    const char *path;                /* of a unix socket; NULL: host and port */
    const char *host;                /* a name or an address, IPv6 without brackets */
    int port;                        /* 1 to 65535 */
    const char *username, *password; /* "": none */
    int64_t timeout_ms;              /* of connecting, and then of every read and write */
};

/* New, to be freed with redisFree: connected, with TLS if the config says so, and logged in. NULL with the reason in
 * `error`, which never holds a password. */
MUST_CHECK redisContext *redis_dial(const struct redis_call *call, const struct config *config, char *error,
                                    size_t error_size);

/* Sends one command. False with the reason in `error`, which names the command but none of its arguments. */
MUST_CHECK bool redis_order(redisContext *connection, char *error, size_t error_size, int count,
                            const char *const *arguments);

#endif
