#include <assert.h>
#include <stdio.h>

#include "worker/redis/redis_tls.h"

/* The config refuses redis.tls = on, so this is never called. */
bool redis_tls_begin(redisContext *connection, const struct config *config, const char *host, char *error,
                     size_t error_size)
{
    (void)connection, (void)config, (void)host;
    assert(!REDIS_TLS_IS_BUILT_IN);
    snprintf(error, error_size, "this program is built without TLS to Redis");
    return false;
}
