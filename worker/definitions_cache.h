/* definitions_cache: the compiled definitions that one thread holds, by workspace. Bounded: the workspace that was not
 * needed for the longest time goes first, but never one that the present batch points to. */
#ifndef WORKER_DEFINITIONS_CACHE_H
#define WORKER_DEFINITIONS_CACHE_H

#include "worker/definitions.h"

struct definitions_cache;

struct definitions_entry {
    struct span workspace;                 /* owned by the entry */
    const struct definitions *definitions; /* NULL: the workspace has none, or none usable */
    bool broken;
    bool fresh; /* read since the batch began */
};

/* New, or NULL when out of memory. Holds `capacity` workspaces between batches. */
struct definitions_cache *definitions_cache_new(size_t capacity);
void definitions_cache_free(struct definitions_cache *cache);

/* Begins a batch: entries are no longer fresh, and those beyond the capacity go. */
void definitions_cache_begin(struct definitions_cache *cache);

/* The workspace's entry, made if there is none, as the most recently used. Valid until the next begin. */
struct definitions_entry *definitions_cache_entry(struct definitions_cache *cache, struct span workspace);

/* Puts what Redis holds into the entry: `json`, or at == NULL for nothing. Compiles it only if it changed. A broken set
 * is logged once. */
void definitions_cache_put(struct definitions_cache *cache, struct definitions_entry *entry, struct span json);

#endif
