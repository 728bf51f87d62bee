#include <assert.h>
#include <stdio.h>

#include "worker/redis/redis_tls.h"

static_assert(!REDIS_TLS_IS_BUILT_IN, "redis_tls.c is built instead");

/* The config refuses redis.tls = on, so this is never called. */
bool redis_tls_begin(redisContext *connection, const struct config *config, const char *host, char *error,
                     size_t error_size)
{
    (void)connection, (void)config, (void)host;
    snprintf(error, error_size, "this program is built without TLS to Redis");
    return false;
}
