/* definitions_redis: the keys custom-fields:{WORKSPACE}, for code outside of a batch. Many at a time, in one round
 * trip. One server, one behind Sentinels, or a cluster (definitions_cluster.h), as redis.kind says. When a call fails,
 * with the reason in `error`, nothing but definitions_redis_close may follow. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_REDIS_H
#define WORKER_DEFINITIONS_DEFINITIONS_REDIS_H

#include "common/must_check.h"
#include "common/span.h"
#include "worker/redis/redis_connection.h"

struct definitions_redis;

/* New, connected; NULL with the reason in `error`. `config` must outlive it. */
MUST_CHECK struct definitions_redis *definitions_redis_open(const struct config *config, char *error,
                                                            size_t error_size);
void definitions_redis_close(struct definitions_redis *redis);

/* Whether what was written is at the server that counts: not at a master that had been replaced. False with the reason
 * in `error`, also if that is not certain. Of one server it is always true. */
MUST_CHECK bool definitions_redis_is_kept(struct definitions_redis *redis, char *error, size_t error_size);

/* The values in Redis: one reply per workspace, to be freed with freeReplyObject, and read by
 * definitions_redis_value. On failure all of them are NULL. */
MUST_CHECK bool definitions_redis_get(struct definitions_redis *redis, const struct span *workspaces, size_t count,
                                      redisReply **answers, char *error, size_t error_size);

/* The same, but watches the keys before it reads them, until definitions_redis_change. */
MUST_CHECK bool definitions_redis_watch(struct definitions_redis *redis, const struct span *workspaces, size_t count,
                                        redisReply **answers, char *error, size_t error_size);

/* at == NULL if there is no value, or one that is not a string. */
struct span definitions_redis_value(const redisReply *answer);

/* The most bytes that are used of a set. A longer one is broken, since its end is missing. By default Kafka accepts no
 * message of nearly this size. */
#define DEFINITIONS_READ_BYTES ((size_t)16 << 20)

/* Reads all workspaces' values. `visit` is called with each, `json` at == NULL if it was deleted just now or is not a
 * string; both spans last for the call. SCAN may give a workspace twice, later values behind earlier ones. The reading
 * ends early if `visit` returns false; then `visit` writes the reason to `error`. */
typedef bool definitions_redis_visitor(void *listener, struct span workspace, struct span json, char *error,
                                       size_t error_size);
MUST_CHECK bool definitions_redis_scan(struct definitions_redis *redis, definitions_redis_visitor *visit,
                                       void *listener, char *error, size_t error_size);

MUST_CHECK bool definitions_redis_exist(struct definitions_redis *redis, const struct span *workspaces, size_t count,
                                        bool *exist, char *error, size_t error_size);

struct definitions_change {
    struct span workspace;
    struct span value; /* at == NULL: delete the key */
};

/* Makes the changes of which no watched key has changed; done[i] tells whether change i was made. They are of
 * workspaces that are watched, in that order. On one server all are made or none. On a cluster it is so for those of
 * each slot, and one that was not made may be on its way still: a caller that goes on watches and reads again. Ends the
 * watch. */
MUST_CHECK bool definitions_redis_change(struct definitions_redis *redis, const struct definitions_change *changes,
                                         size_t count, bool *done, char *error, size_t error_size);

/* For a caller that goes on with other workspaces, behind each change: of a cluster, *settled is what
 * definitions_redis_is_kept says. If it is not kept, there is a newer map, and what was changed is to be watched and
 * compared again; later on nothing would tell, since the newer map knows of the failover. Elsewhere *settled is true:
 * there is one master for all changes, and definitions_redis_is_kept tells of it in the end. False with the reason in
 * `error` if changes are not kept for too long. */
MUST_CHECK bool definitions_redis_settle(struct definitions_redis *redis, bool *settled, char *error,
                                         size_t error_size);

#endif
