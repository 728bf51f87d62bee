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

/* The most bytes that are used of a set. A longer one is broken, since its end is missing. By default Kafka accepts no
 * message of nearly this size. */
#define DEFINITIONS_READ_BYTES ((size_t)16 << 20)

/* Reads all workspaces' values. `visit` is called with each, `json` at == NULL if it was deleted just now or is not a
 * string; both spans last for the call. SCAN may give a workspace twice. The reading ends early if `visit` returns
 * false; then `visit` writes the reason to `error`. */
typedef bool definitions_redis_visitor(void *listener, struct span workspace, struct span json, char *error,
                                       size_t error_size);
MUST_CHECK bool definitions_redis_scan(redisContext *connection, definitions_redis_visitor *visit, void *listener,
                                       char *error, size_t error_size);

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
