/* spill: bytes that do not stay in memory. They are appended to an unlinked temporary file and read back by position.
 * The file is in $TMPDIR, otherwise in /var/tmp, which is made for large files. It vanishes with the process, however
 * that ends. Any thread may append and read. The last bytes are in a buffer until it is full. */
#ifndef COMMON_SPILL_H
#define COMMON_SPILL_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

struct spill;

/* New, or NULL with the reason in `error`. The process ignores SIGXFSZ from then on, so that a limit of the file's size
 * is a failure of spill_append. */
MUST_CHECK struct spill *spill_open(char *error, size_t error_size);
void spill_close(struct spill *spill);

/* Appends a copy of the bytes. *at is their position. False with errno set if the file cannot take them or bytes before
 * them. Then nothing is appended, what was appended before can still be read, and a later call may succeed. */
MUST_CHECK bool spill_append(struct spill *spill, struct span bytes, int64_t *at);

/* Reads `length` bytes that were appended at `at`, or inside such bytes, to `to`. False with errno set; EINVAL if they
 * were never appended. */
MUST_CHECK bool spill_read(struct spill *spill, int64_t at, void *to, size_t length);

/* The number of bytes that were appended. */
int64_t spill_bytes(const struct spill *spill);

#endif
