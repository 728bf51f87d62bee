/* definitions_watch: learns from Redis which workspaces' definitions have changed. One connection and one thread per
 * process, for any number of workers; on a cluster one connection for each master.
 *
 * A connection enables client-side caching in broadcast mode for the prefix custom-fields:{ and redirects the
 * messages to itself, which works with RESP2 (Redis 6 and later). They increment versions: a number for each
 * workspace that only grows, and has grown if the definitions may have changed. Versions are a table of counters by
 * the workspace's hash, so two workspaces may share one and be read once too often, never too rarely. When
 * everything is flushed, and whenever a connection is lost or made, every version grows.
 *
 * After a failover the old master may live on for a while, and announce nothing of what changes on the new one. So a
 * caller says which server it reads from, and no version counts that was learnt from another one.
 *
 * On a cluster a caller reads from several masters, and what it has read from one proves nothing of another: a slot may
 * have moved. So a value counts only as long as it would be read from the same master again. The watch learns of a new
 * master by the end of a connection, by a caller that reads from it, and otherwise within five seconds.
 *
 * Redis does not announce SWAPDB (redis_epoch detects it), nor the moment at which the time to live of a key ends. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_WATCH_H
#define WORKER_DEFINITIONS_DEFINITIONS_WATCH_H

#include <time.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

struct definitions_watch;

/* New, with its thread started, which connects, and reconnects when necessary; or NULL after the reason was logged.
 * `config` must outlive it. */
MUST_CHECK struct definitions_watch *definitions_watch_open(const struct config *config);

/* Asks the thread to end and waits for it until `deadline` (CLOCK_MONOTONIC): it may be waiting for a reply of Redis
 * for up to redis.timeout. True if it has ended. NULL is allowed. */
MUST_CHECK bool definitions_watch_end(struct definitions_watch *watch, const struct timespec *deadline);

/* To be called when the thread has ended and no thread uses the watch. NULL is allowed. */
void definitions_watch_free(struct definitions_watch *watch);

/* Waits up to `wait_ms` until the versions include every change that Redis replied to before this call: sends a
 * ping, whose reply comes after all news of earlier changes. `server` (redis_address) is where the caller reads from;
 * NULL: all that there are, which must be all masters of a cluster. False if there is no connection, if it is to
 * another server, or if no reply comes in time; then the versions prove nothing. Any thread may call it, many at once.
 * `watch` NULL gives false. */
MUST_CHECK bool definitions_watch_catch_up(struct definitions_watch *watch, const char *server, int64_t wait_ms);

/* A server from which a caller reads. */
struct definitions_server {
    const char *server; /* as redis_address says it */
    bool caught_up;     /* filled: as the result of definitions_watch_catch_up */
    uint64_t link;      /* of the watch */
};

/* The same for several servers, masters of a cluster, at the same time: one that is away makes the others wait for
 * `wait_ms` at most, and has no influence on their results. */
void definitions_watch_catch_up_with(struct definitions_watch *watch, struct definitions_server *servers, size_t count,
                                     int64_t wait_ms);

/* The workspace's version. A value that was read from Redis after this call is unchanged if the version is the same
 * after a later successful catch-up. 0 if `watch` is NULL. */
uint64_t definitions_watch_stamp(const struct definitions_watch *watch, struct span workspace);

#endif
