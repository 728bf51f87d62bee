/* definitions_redis: the keys custom-fields:{WORKSPACE}, for code outside of a batch. Many at a time, in one round
 * trip. When a call fails, with the reason in `error`, the connection cannot be used any more. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_REDIS_H
#define WORKER_DEFINITIONS_DEFINITIONS_REDIS_H

#include "common/must_check.h"
#include "common/span.h"
#include "worker/redis/redis_connection.h"

/* The values in Redis: one reply per workspace, to be freed with freeReplyObject, and read by
 * definitions_redis_value. On failure all of them are NULL. */
MUST_CHECK bool definitions_redis_get(redisContext *connection, const struct span *workspaces, size_t count,
                                      redisReply **answers, char *error, size_t error_size);

/* The same, but watches the keys before it reads them, until definitions_redis_change. */
bool definitions_redis_watch(redisContext *connection, const struct span *workspaces, size_t count,
                             redisReply **answers, char *error, size_t error_size);

/* at == NULL if there is no value, or one that is not a string. */
struct span definitions_redis_value(const redisReply *answer);

MUST_CHECK bool definitions_redis_exist(redisContext *connection, const struct span *workspaces, size_t count,
                                        bool *exist, char *error, size_t error_size);

struct definitions_change {
    struct span workspace;
    struct span value; /* at == NULL: delete the key */
};

/* Makes all changes, or none if a watched key has changed; then *done is false. Ends the watch. */
MUST_CHECK bool definitions_redis_change(redisContext *connection, const struct definitions_change *changes,
                                         size_t count, bool *done, char *error, size_t error_size);

#endif
