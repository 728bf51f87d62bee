/* workspace_counts: what a replay counts for each workspace. A producer can name any number of workspaces, so only a
 * bounded number is counted in memory; the rest goes to a spill, in sorted runs, which are merged at the end. */
#ifndef WORKER_REPLAY_WORKSPACE_COUNTS_H
#define WORKER_REPLAY_WORKSPACE_COUNTS_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/spill.h"
#include "worker/model/batch.h"
#include "worker/replay/comparison.h"

struct workspace_count {
    uint32_t length; /* of the name; 0: commands without a usable workspace */
    char name[WORKSPACE_ID_CHARACTERS];
    uint64_t classes[CLASSES];
    uint64_t then[VERDICTS], now[VERDICTS];
};

struct workspace_counts;

/* New, or NULL when out of memory. Counts up to `most` workspaces in memory. `spill` must outlive it. */
MUST_CHECK struct workspace_counts *workspace_counts_new(struct spill *spill, uint32_t most);
void workspace_counts_free(struct workspace_counts *counts);

/* Counts one command. `workspace` has at most WORKSPACE_ID_CHARACTERS; at == NULL, or empty: none that can be used.
 * False with errno set; then it is not counted. */
MUST_CHECK bool workspace_counts_add(struct workspace_counts *counts, struct span workspace,
                                     const struct comparison *comparison);

/* Writes the workspaces with the most commands that are not the same to `top`, which has room for `room`: most first,
 * by name if equal; without those where all are the same. *count: how many. Ends the counting. False with errno set. */
MUST_CHECK bool workspace_counts_top(struct workspace_counts *counts, struct workspace_count *top, uint32_t room,
                                     uint32_t *count);

/* The number of commands of this workspace that are not the same. */
uint64_t workspace_count_changed(const struct workspace_count *count);

#endif
