/* definitions_cache: the compiled definitions that one thread holds, by workspace. Their number and bytes are bounded:
 * the least recently used workspace is evicted first, but never one that the present batch points to. The absence of
 * definitions is cached too.
 *
 * A fresh entry need not be read. An entry is fresh as long as the watch says that Redis' value is unchanged and its
 * time to live has not ended. Without a watch, or while it has no connection, no entry is fresh.
 *
 * The folder worker/definitions moves definitions between files, their topic, Redis and this cache. It may use the
 * folders before it in docs/design.md. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_CACHE_H
#define WORKER_DEFINITIONS_DEFINITIONS_CACHE_H

#include "common/must_check.h"
#include "worker/definitions/definitions_watch.h"
#include "worker/validate/definitions.h"

struct definitions_cache;

struct definitions_entry {
    struct span workspace;                 /* owned by the entry */
    const struct definitions *definitions; /* NULL: the workspace has none, or none that can be used */
    bool broken;
    bool fresh; /* need not be read for this batch */
};

/* What a cache did since it was created. A batch that needs a workspace looks it up once, for all its commands. */
struct definitions_counts {
    uint64_t hits;     /* look-ups of fresh entries */
    uint64_t misses;   /* look-ups that needed a read */
    uint64_t compiled; /* sets compiled: read, and not equal to the bytes before */
    uint64_t broken;   /* of those, sets that cannot be used */
    uint64_t evicted;  /* entries evicted for others */
    uint64_t
        invalidated; /* misses because Redis announced a change, or because changes were not announced for a while */
};

/* New, or NULL when out of memory. Holds `capacity` workspaces between batches. `watch` is borrowed, and may be NULL.
 */
MUST_CHECK struct definitions_cache *definitions_cache_new(size_t capacity, struct definitions_watch *watch);
void definitions_cache_free(struct definitions_cache *cache);

/* From the next batch on, all entries together take no more than `most` bytes, unless a batch goes on after the cache
 * was full. Without this call only their number is bounded. */
void definitions_cache_limit(struct definitions_cache *cache, size_t most);

/* True if the entries of the present batch alone take more than the limit. */
bool definitions_cache_is_full(const struct definitions_cache *cache);

/* Begins a batch: learns all changes that Redis replied to before this call, waiting up to `wait_ms` for news of
 * them. `server`: as definitions_watch_catch_up. Evicts entries beyond the capacity and the limit of bytes. */
void definitions_cache_begin(struct definitions_cache *cache, const char *server, int64_t wait_ms);

/* The same for a batch that reads from several masters of a cluster; `servers` are filled as by
 * definitions_watch_catch_up_with. Entries are then had by definitions_cache_entry_at. */
void definitions_cache_begin_with(struct definitions_cache *cache, struct definitions_server *servers, size_t count,
                                  int64_t wait_ms);

/* The workspace's entry, created if there is none, as the most recently used. Valid until the next begin. NULL when
 * out of memory. */
MUST_CHECK struct definitions_entry *definitions_cache_entry(struct definitions_cache *cache, struct span workspace);

/* The same on a cluster, where the workspace would be read from this server, one of those of the batch. It is fresh
 * only if it was read from there before, by the same link of the watch. */
MUST_CHECK struct definitions_entry *definitions_cache_entry_at(struct definitions_cache *cache, struct span workspace,
                                                                const struct definitions_server *server);

/* How many of these entries to read in one round trip: the first ones that fill the room which the present batch has,
 * and no more bytes than Redis should hold as answers. The batch has looked them up, and they are not fresh. A set
 * counts with its size when it was last read, an unknown one with that of sets read lately. Of `count`, 1 or more: 1
 * at least. */
MUST_CHECK uint32_t definitions_cache_portion(const struct definitions_cache *cache,
                                              struct definitions_entry *const *entries, uint32_t count);

/* Puts the value that Redis held since the batch began into the entry: `json`, or at == NULL for none, with its time
 * to live from PTTL: in milliseconds, or TTL_ENDLESS. Compiles it only if it changed. A broken set is logged once
 * (broken_sets.h). Entries that the batch does not need are evicted if there is no room. False when out of memory: then
 * nothing is known of the workspace, and the batch cannot be checked. */
#define TTL_ENDLESS (-1)
MUST_CHECK bool definitions_cache_put(struct definitions_cache *cache, struct definitions_entry *entry,
                                      struct span json, int64_t ttl_ms);

/* Redis' data was replaced: no entry is fresh until it has been read again. Ends the present batch. */
void definitions_cache_void(struct definitions_cache *cache);

struct definitions_counts definitions_cache_counts(const struct definitions_cache *cache);

#endif
