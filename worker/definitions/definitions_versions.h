/* definitions_versions: a number for each workspace that only grows. It grows whenever the workspace's definitions
 * may have changed, and sometimes without a change, since workspaces share counters. One thread increments the
 * numbers; any thread may read them. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_VERSIONS_H
#define WORKER_DEFINITIONS_DEFINITIONS_VERSIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/span.h"

#define VERSION_COUNTERS 4096 /* a power of two */

/* A version is the epoch plus the workspace's counter. Both only grow, so the sum changes if either does. All zero
 * at the beginning. */
struct definitions_versions {
    atomic_uint_fast64_t epoch;
    atomic_uint_fast64_t counters[VERSION_COUNTERS]; /* by hash of the workspace */
};

uint64_t definitions_version_of(const struct definitions_versions *stamps, struct span workspace);

/* Increments the version of one workspace, or of all. */
void definitions_version_grow(struct definitions_versions *stamps, struct span workspace);
void definitions_versions_grow(struct definitions_versions *stamps);

#endif
