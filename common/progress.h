/* progress: one line on standard error that shows how far a long run is, rewritten a few times a second. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    int64_t begin_ms, printed_ms; /* CLOCK_MONOTONIC */
    int64_t lines, bytes;
};

/* The line is shown only if standard error is a terminal and standard output is not: their lines would mix. */
void progress_open(struct progress *progress);

/* Adds to the amounts that are done. */
void progress_add(struct progress *progress, int64_t lines, int64_t bytes);

/* Leaves the last state on a line of its own. */
void progress_close(struct progress *progress);

#endif
