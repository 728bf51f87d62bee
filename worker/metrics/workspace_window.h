/* workspace_window: the workspaces of a thread's commands over the last minute, in fixed memory. The minute is that of
 * a sketch for each of six slots of ten seconds, so it is between 50 and 60 seconds long.
 *
 * One thread counts, others may read. A lock is taken once per batch, and by a reader for the copy of one slot. */
#ifndef WORKER_METRICS_WORKSPACE_WINDOW_H
#define WORKER_METRICS_WORKSPACE_WINDOW_H

#include <stddef.h>

#include "common/must_check.h"
#include "worker/metrics/workspace_sketch.h"

#define WINDOW_SLOTS   6
#define WINDOW_SLOT_MS 10000

/* What is counted: all commands, or those rejected, by partition and workspace; all commands by partition. */
enum window_kind { WINDOW_COMMANDS, WINDOW_REJECTIONS, WINDOW_PARTITIONS, WINDOW_KINDS };

/* A count is right to within the 128th part of all that was counted. It is at least `count` - `error`. */
struct workspace_row {
    struct sketch_key key;
    uint64_t count, error;
};

#define WINDOW_ROWS (WINDOW_SLOTS * SKETCH_COUNTERS)

struct workspace_rows {
    size_t count;
    uint64_t total; /* of all that was counted, with or without a row */
    struct workspace_row rows[WINDOW_ROWS];
};

struct workspace_window;

/* New, or NULL when out of memory. */
MUST_CHECK struct workspace_window *workspace_window_new(void);
void workspace_window_free(struct workspace_window *window);

/* Counts the commands of a committed batch. Times are CLOCK_MONOTONIC, in milliseconds. */
void workspace_window_count(struct workspace_window *window, const struct batch *batch, int64_t clock_ms);

/* The last minute: a row for each key, the largest count first. */
void workspace_window_read(struct workspace_window *window, enum window_kind kind, int64_t clock_ms,
                           struct workspace_rows *rows);

/* Sorts rows that come from several windows, adds up those with equal keys, and sorts by count. `by_workspace`: a
 * workspace has one row, whatever its partitions; its partition is that of its largest part. Returns the number left.
 */
size_t workspace_rows_merge(struct workspace_row *rows, size_t count, bool by_workspace);

#endif
