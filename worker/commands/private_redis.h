/* private_redis: starts a redis-server on a socket in a folder, without persistence; for the demo and the tests. */
#ifndef WORKER_COMMANDS_PRIVATE_REDIS_H
#define WORKER_COMMANDS_PRIVATE_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/must_check.h"

struct private_redis {
    pid_t process;     /* 0: none */
    char address[512]; /* "unix:FOLDER/redis.sock", as redis.address takes it */
};

/* Starts redis-server, found in PATH, and waits until it replies. It ends with this process at the latest. False
 * with the reason in `error`; then nothing runs. */
MUST_CHECK bool private_redis_start(struct private_redis *redis, const char *folder, char *error, size_t error_size);

/* Stops it and waits until it has ended. */
void private_redis_stop(struct private_redis *redis);

#endif
