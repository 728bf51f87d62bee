/* log_output: standard error, as the log writes to it. Its reader may be slow, or stuck: no line waits for more
 * than a second, and none behind a line that had to. Lines that were not taken are counted.
 *
 * Not for several threads at once: log.c has a lock. */
#ifndef COMMON_LOG_OUTPUT_H
#define COMMON_LOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/must_check.h"

/* What a pipe takes in one piece (PIPE_BUF on Linux): no line may be longer. */
#define LOG_LINE_BYTES 4096

/* True if a line can be written without a wait. Otherwise it waits for that, for a second, or not at all if the last
 * line was not taken. False: the line counts as lost. */
MUST_CHECK bool log_output_takes_line(void);

/* The line, with its end. */
void log_output_write(const char *bytes, size_t length);

/* How many lines were lost since the last call. */
uint64_t log_output_lost(void);

#endif
