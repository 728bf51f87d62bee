#include "worker/definitions/definitions_versions.h"

#include <xxhash.h>

static size_t counter_of(struct span workspace)
{
    return XXH3_64bits(workspace.at, workspace.length) & (VERSION_COUNTERS - 1);
}

uint64_t definitions_version_of(const struct definitions_versions *stamps, struct span workspace)
{
    return atomic_load_explicit(&stamps->epoch, memory_order_acquire) +
           atomic_load_explicit(&stamps->counters[counter_of(workspace)], memory_order_acquire);
}

void definitions_version_grow(struct definitions_versions *stamps, struct span workspace)
{
    atomic_fetch_add_explicit(&stamps->counters[counter_of(workspace)], 1, memory_order_release);
}

void definitions_versions_grow(struct definitions_versions *stamps)
{
    atomic_fetch_add_explicit(&stamps->epoch, 1, memory_order_release);
}
