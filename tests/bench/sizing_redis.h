/* sizing_redis: what a Redis of the benchmark says of itself. A failure ends the program. */
#ifndef TESTS_BENCH_SIZING_REDIS_H
#define TESTS_BENCH_SIZING_REDIS_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "worker/config/config.h"

/* Connects to the Redis of the config, which is on a unix socket, as its user. */
redisContext *sizing_redis_connect(const struct config *config);

/* A number of INFO, such as used_memory. */
double sizing_redis_number(redisContext *redis, const char *section, const char *name);

/* used_memory when nothing is left of what was just done: buffers of clients, a table that is being doubled. */
double sizing_redis_memory(redisContext *redis);

/* Seconds of processor time that Redis has used. */
double sizing_redis_cpu(redisContext *redis);

/* The step between the small sizes of the server's allocator, found out with a key: 8 or 16; 0 if this Redis counts
 * in another way. Needs MEMORY USAGE. */
int sizing_redis_quantum(redisContext *redis);

#endif
