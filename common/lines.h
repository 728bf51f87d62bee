/* lines: a file's lines through one buffer of fixed size, however long the file and its lines are. */
#ifndef COMMON_LINES_H
#define COMMON_LINES_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

struct line {
    struct span text; /* without its LF; points into the buffer until the next lines_fill. Empty if too long */
    int64_t number;   /* from 0 */
    bool too_long;    /* longer than the limit; it is passed over as it is read, never held */
};

struct lines {
    int file;
    char *buffer;
    size_t capacity;
    size_t limit;      /* bytes of the longest line that is given out */
    size_t begin, end; /* what is read and not yet given out */
    int64_t number;    /* of the line at `begin` */
    bool skipping;     /* in the middle of a line that was given out as too long */
    bool ended;        /* the file has no more */
};

/* Reads `file`, a descriptor that stays the caller's, through a buffer of `capacity` bytes, which must be more than
 * `limit`. Returns 0, or -1 when out of memory. */
MUST_CHECK int lines_open(struct lines *lines, int file, size_t capacity, size_t limit);
void lines_close(struct lines *lines);

/* Reads on, waiting for at least one byte, or to the end of the file. Takes back the texts that were given out. Returns
 * 0, or -1 with errno set. */
MUST_CHECK int lines_fill(struct lines *lines);

/* The next line that is whole, or known to be too long. False if more must be read, or, after the end, if there is
 * none. */
bool lines_next(struct lines *lines, struct line *line);

/* True when every line was given out. */
bool lines_are_done(const struct lines *lines);

#endif
