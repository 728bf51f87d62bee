/* noisy_workspaces: finds the workspaces that take more than their share of a partition while other commands wait.
 *
 * A workspace is noisy in a partition while all of this holds, over the last minute (workspace_window.h):
 *  - more than NOISY_PERCENT of the partition's commands that were answered are certainly the workspace's;
 *  - these are at least NOISY_COMMANDS;
 *  - the partition's first command without a reply is at least NOISY_LAG_SECONDS old.
 * This is looked at every ten seconds. It is logged when it begins, and again only after it was not so for
 * NOISY_QUIET_MS. At most NOISY_LOGGED are logged per minute and thread; the others wait for the next minute. */
#ifndef WORKER_METRICS_NOISY_WORKSPACES_H
#define WORKER_METRICS_NOISY_WORKSPACES_H

#include <stddef.h>

#include "common/must_check.h"
#include "worker/metrics/metrics.h"
#include "worker/metrics/workspace_window.h"

#define NOISY_PERCENT     50
#define NOISY_COMMANDS    1000
#define NOISY_LAG_SECONDS 10
#define NOISY_QUIET_MS    300000
#define NOISY_LOGGED      4
#define NOISY_MOST        16 /* that a thread remembers */

struct noisy_workspace {
    struct sketch_key key;
    unsigned percent;  /* of the partition's commands, at least */
    uint64_t commands; /* of the last minute, at least */
    int64_t since_ms;  /* since 1970, UTC */
    int64_t seen_ms;   /* CLOCK_MONOTONIC: when it was noisy last */
    bool logged;
};

struct noisy_workspaces;

/* New, or NULL when out of memory. */
MUST_CHECK struct noisy_workspaces *noisy_workspaces_new(void);
void noisy_workspaces_free(struct noisy_workspaces *noisy);

/* True if ten seconds have passed since the last look. `clock_ms` is CLOCK_MONOTONIC. */
bool noisy_workspaces_are_due(const struct noisy_workspaces *noisy, int64_t clock_ms);

/* Looks at the thread's partitions, and logs. `wall_ms` is since 1970, UTC. Only the thread that counts calls it. */
void noisy_workspaces_look(struct noisy_workspaces *noisy, struct workspace_window *window, const char *topic,
                           const struct partition_lag *lags, size_t count, int64_t clock_ms, int64_t wall_ms);

/* For any thread: those that were noisy within the last 30 seconds. Returns how many. */
size_t noisy_workspaces_read(struct noisy_workspaces *noisy, int64_t clock_ms, struct noisy_workspace list[NOISY_MOST]);

#endif
