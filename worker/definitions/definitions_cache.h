/* definitions_cache: the compiled definitions that one thread holds, by workspace. Bounded: the workspace that was not
 * needed for the longest time goes first, but never one that the present batch points to. That a workspace has none is
 * remembered like what it has.
 *
 * An entry is fresh, so that it need not be read, as long as the watch says that Redis' answer would be the same and
 * its time to live has not ended. Without a watch, or while it has no connection, nothing is fresh. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_CACHE_H
#define WORKER_DEFINITIONS_DEFINITIONS_CACHE_H

#include "common/must_check.h"
#include "worker/definitions/definitions_watch.h"
#include "worker/validate/definitions.h"

struct definitions_cache;

struct definitions_entry {
    struct span workspace;                 /* owned by the entry */
    const struct definitions *definitions; /* NULL: the workspace has none, or none usable */
    bool broken;
    bool fresh; /* need not be read for this batch */
};

/* What a cache did since it was made. A batch that needs a workspace looks it up once, for all its commands. */
struct definitions_counts {
    uint64_t hits;     /* look-ups of fresh entries */
    uint64_t misses;   /* look-ups that had to be read */
    uint64_t compiled; /* sets compiled: read, and not the bytes that were there before */
    uint64_t broken;   /* of those, sets that cannot be used */
    uint64_t evicted;  /* entries that made room for others */
    uint64_t
        invalidated; /* misses because Redis announced a change, or because changes were not announced for a while */
};

/* New, or NULL when out of memory. Holds `capacity` workspaces between batches. `watch` is borrowed, and may be NULL.
 */
MUST_CHECK struct definitions_cache *definitions_cache_new(size_t capacity, struct definitions_watch *watch);
void definitions_cache_free(struct definitions_cache *cache);

/* Begins a batch: takes note of all changes that Redis answered before this call, waiting for news of them for up to
 * `wait_ms`; entries beyond the capacity go. */
void definitions_cache_begin(struct definitions_cache *cache, int64_t wait_ms);

/* The workspace's entry, made if there is none, as the most recently used. Valid until the next begin. NULL when out of
 * memory. */
MUST_CHECK struct definitions_entry *definitions_cache_entry(struct definitions_cache *cache, struct span workspace);

/* Puts what Redis held since the batch began into the entry: `json`, or at == NULL for nothing, with its time to live
 * as PTTL gives it: in milliseconds, or TTL_ENDLESS. Compiles it only if it changed. A broken set is logged once.
 * False when out of memory: then nothing is known of the workspace, and the batch cannot be judged. */
#define TTL_ENDLESS (-1)
MUST_CHECK bool definitions_cache_put(struct definitions_cache *cache, struct definitions_entry *entry,
                                      struct span json, int64_t ttl_ms);

/* Redis has other data now: no entry is fresh until it has been read anew. Ends the present batch. */
void definitions_cache_void(struct definitions_cache *cache);

struct definitions_counts definitions_cache_counts(const struct definitions_cache *cache);

#endif
