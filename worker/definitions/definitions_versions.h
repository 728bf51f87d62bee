/* definitions_versions: a number for each workspace that only ever grows: whenever its definitions may have changed,
 * and now and then without need, since workspaces share counters. One thread lets them grow, any may read them. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_VERSIONS_H
#define WORKER_DEFINITIONS_DEFINITIONS_VERSIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/span.h"

#define VERSION_COUNTERS 4096 /* a power of two */

/* A stamp is the epoch plus the workspace's counter: both only grow, so the sum has changed if either has. All zero at
 * the beginning. */
struct definitions_versions {
    atomic_uint_fast64_t epoch;
    atomic_uint_fast64_t counters[VERSION_COUNTERS]; /* by hash of the workspace */
};

uint64_t definitions_version_of(const struct definitions_versions *stamps, struct span workspace);

/* That of one workspace, or of all. */
void definitions_version_grow(struct definitions_versions *stamps, struct span workspace);
void definitions_versions_grow(struct definitions_versions *stamps);

#endif
