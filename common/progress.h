/* progress: one line on standard error that tells how far a long run is, rewritten a few times a second. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    int64_t begin_ms, printed_ms; /* of the monotonic clock */
    int64_t lines, bytes;
};

/* Shown only if standard error is a terminal and standard output is not one, whose lines it would run into. */
void progress_open(struct progress *progress);

/* So many more are done. */
void progress_add(struct progress *progress, int64_t lines, int64_t bytes);

/* Leaves the last state on a line of its own. */
void progress_close(struct progress *progress);

#endif
