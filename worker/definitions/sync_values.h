/* sync_values: which values the workspaces had in the definitions topic, as hashes. */
#ifndef WORKER_DEFINITIONS_SYNC_VALUES_H
#define WORKER_DEFINITIONS_SYNC_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define SYNC_VALUES_MOST ((size_t)1 << 20) /* 8 MB */

struct sync_values {
    uint64_t *hashes;
    size_t count, capacity;
    size_t most;     /* that are kept */
    bool overflowed; /* there were more: none is kept */
};

/* Notes a value. False when out of memory. */
MUST_CHECK bool sync_values_note(struct sync_values *values, struct span workspace, struct span value);

/* Call it when all are noted, before the first question. */
void sync_values_sort(struct sync_values *values);

/* Whether the workspace had the value. Always false after an overflow. */
MUST_CHECK bool sync_values_have(const struct sync_values *values, struct span workspace, struct span value);

void sync_values_free(struct sync_values *values);

#endif
