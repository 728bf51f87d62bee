/* progress: one line on standard error that shows how far a long run is, rewritten a few times a second. */
#ifndef COMMON_PROGRESS_H
#define COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;
    int64_t begin_ms, printed_ms; /* CLOCK_MONOTONIC */
    int64_t lines, bytes;         /* of progress_add */
    const char *unit;             /* of progress_move; NULL: lines and bytes are shown */
    int64_t done, total;          /* of progress_move; a total of 0 is not known */
};

/* The line is shown only if standard error is a terminal and standard output is not: their lines would mix. */
void progress_open(struct progress *progress);

/* Adds to the amounts that are done. */
void progress_add(struct progress *progress, int64_t lines, int64_t bytes);

/* The same for a run through `total` things, such as "offsets": the line shows how many are done, their rate, and the
 * time that is left. `prints_along`: the run prints to standard output; otherwise nothing is printed until
 * progress_close, and the line is shown even if standard output is a terminal. */
void progress_begin(struct progress *progress, const char *unit, int64_t total, bool prints_along);

/* `done` things are done. */
void progress_move(struct progress *progress, int64_t done);

/* Leaves the last state on a line of its own. */
void progress_close(struct progress *progress);

/* The same without a trace: the line is removed. For a run that may be so short that a line would only disturb. */
void progress_clear(struct progress *progress);

#endif
