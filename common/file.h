/* file: a whole file in memory. common/lines.h reads longer files. */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <stddef.h>

#include "common/must_check.h"

/* The bytes of the file `path` with a NUL after them, which *length does not count. New, to be freed; or NULL with
 * errno set, which is EFBIG if there are more than `limit` bytes. */
MUST_CHECK char *file_read(const char *path, size_t limit, size_t *length);

/* The same for the rest of the descriptor `file`, which stays the caller's. */
MUST_CHECK char *file_read_descriptor(int file, size_t limit, size_t *length);

#endif
