/* lines: the lines of a file of any length, through one buffer of fixed size. */
#ifndef COMMON_LINES_H
#define COMMON_LINES_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

struct line {
    struct span text; /* without its LF; points into the buffer until the next lines_fill. Empty if too long */
    int64_t number;   /* from 0 */
    bool too_long;    /* longer than the limit; it is skipped as it is read, never held */
};

struct lines {
    int file;
    char *buffer;
    size_t capacity;
    size_t limit;      /* bytes of the longest line that is returned */
    size_t begin, end; /* what is read and not yet returned */
    int64_t number;    /* of the line at `begin` */
    bool skipping;     /* inside a line that was reported as too long */
    bool ended;        /* at the end of the file */
};

/* Reads `file`, a descriptor that stays the caller's, through a buffer of `capacity` bytes, which must be more than
 * `limit`. Returns 0, or -1 when out of memory. */
MUST_CHECK int lines_open(struct lines *lines, int file, size_t capacity, size_t limit);
void lines_close(struct lines *lines);

/* Reads more, waiting for at least one byte or the end of the file. Invalidates the texts that were returned.
 * Returns 0, or -1 with errno set. */
MUST_CHECK int lines_fill(struct lines *lines);

/* The next line that is complete, or known to be too long. False if more must be read or, after the end, if there is
 * none. */
bool lines_next(struct lines *lines, struct line *line);

/* True when every line was returned. */
bool lines_are_done(const struct lines *lines);

#endif
