/* agree: the daemon and `client-intake validate` judge the same bytes alike. */
#ifndef TESTS_LIVE_AGREE_H
#define TESTS_LIVE_AGREE_H

#include "tests/live/evidence.h"

/* Writes the value of every command that `validate` can judge as the daemon does, one per line, in the order of their
 * positions: those that fit on a line and name their workspace and id inside. Returns 0, or -1 with errno set. */
int agree_write_lines(const struct evidence *evidence, const char *path);

/* Compares what `validate` said about those lines with the replies. Prints the differences and how many lines were
 * compared, then "N passed, N failed". Returns 0 if all agree, else 1. After judge_replies. */
int agree_compare(const struct evidence *evidence, const char *path);

#endif
