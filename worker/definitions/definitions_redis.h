/* definitions_redis: the keys custom-fields:{WORKSPACE} for those who are not in the middle of a batch. Many at a time,
 * in one round trip. Whenever a call fails, with the reason in `why`, the connection is of no more use. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_REDIS_H
#define WORKER_DEFINITIONS_DEFINITIONS_REDIS_H

#include "common/must_check.h"
#include "common/span.h"
#include "worker/redis/redis_connection.h"

/* What Redis holds: one answer per workspace, to be freed with freeReplyObject, and read by definitions_redis_value. On
 * failure all of them are NULL. */
MUST_CHECK bool definitions_redis_get(redisContext *connection, const struct span *workspaces, size_t count,
                                      redisReply **answers, char *why, size_t error_size);

/* The same, and watches the keys before it reads them, until definitions_redis_change. */
bool definitions_redis_watch(redisContext *connection, const struct span *workspaces, size_t count,
                             redisReply **answers, char *why, size_t error_size);

/* at == NULL if there is nothing, or nothing that is a string. */
struct span definitions_redis_value(const redisReply *answer);

MUST_CHECK bool definitions_redis_exist(redisContext *connection, const struct span *workspaces, size_t count,
                                        bool *exist, char *why, size_t error_size);

struct definitions_change {
    struct span workspace;
    struct span value; /* at == NULL: the key goes */
};

/* Carries out all changes, or none if a watched key has changed; then *done is false. Nothing is watched any more. */
MUST_CHECK bool definitions_redis_change(redisContext *connection, const struct definitions_change *changes,
                                         size_t count, bool *done, char *why, size_t error_size);

#endif
