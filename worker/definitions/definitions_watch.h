/* definitions_watch: learns from Redis which workspaces' definitions have changed. One connection and one thread per
 * process, whatever the number of workers.
 *
 * The connection asks for client-side caching in broadcast mode for the prefix custom-fields:{ and has the messages
 * redirected to itself, which works with RESP2 (Redis 6 and later). They are boiled down to stamps: a number for each
 * workspace that only ever grows, and has grown if the definitions may have changed. A table of counters by the
 * workspace's hash keeps the stamps, so two workspaces may share one and be read again once too often, never too
 * seldom. When everything is flushed, and whenever the connection is lost or made, every stamp grows.
 *
 * Not told: SWAPDB (redis_epoch notices it), and the moment at which a key with a time to live ends. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_WATCH_H
#define WORKER_DEFINITIONS_DEFINITIONS_WATCH_H

#include <time.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

struct definitions_watch;

/* New, with its thread started, which connects, and connects again when need be; or NULL after the reason was logged.
 * `config` must outlive it. */
MUST_CHECK struct definitions_watch *definitions_watch_open(const struct config *config);

/* Asks the thread to end and waits until `deadline` (CLOCK_REALTIME) for it: an answer of Redis may be under way, which
 * takes redis.timeout. True if it has ended. NULL is fine. */
MUST_CHECK bool definitions_watch_end(struct definitions_watch *watch, const struct timespec *deadline);

/* Once the thread has ended. Nobody may be using the watch. NULL is fine. */
void definitions_watch_free(struct definitions_watch *watch);

/* Waits up to `wait_ms` until the stamps know every change that Redis had answered before this call: asks Redis for a
 * sign of life, which comes behind all news of earlier changes. False if there is no connection or no answer in time;
 * then the stamps say nothing. Any thread may call it, many at once. `watch` NULL gives false. */
MUST_CHECK bool definitions_watch_catch_up(struct definitions_watch *watch, int64_t wait_ms);

/* The workspace's stamp. What was read from Redis after the stamp was taken is still what Redis holds if the stamp is
 * the same after a catch-up that succeeded. 0 if `watch` is NULL. */
uint64_t definitions_watch_stamp(const struct definitions_watch *watch, struct span workspace);

#endif
