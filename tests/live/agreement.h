/* agreement: the daemon and `client-intake validate` give the same result for the same bytes. */
#ifndef TESTS_LIVE_AGREEMENT_H
#define TESTS_LIVE_AGREEMENT_H

#include "tests/live/observations.h"

/* True if `validate` can evaluate it like the daemon: it fits on a line, and its value holds its workspace and id.
 * The history of the commands must use this as its `marks`. */
bool agreement_is_comparable(const struct message *command);

/* Writes the value of every such command, one per line, in the order of their positions. Returns 0, or -1 with errno
 * set. */
int agreement_write_lines(const struct history *commands, const char *path);

/* The replies of `validate` to those lines. New; NULL with errno set if the file cannot be read. Reports a violation
 * if there is not one line for each command. */
struct agreement *agreement_open(const struct history *commands, const char *path);

/* False if the reply to this command differs from its line; agreement_difference describes the difference until the
 * next call. True also if there is no line. */
bool agreement_holds(struct agreement *agreement, long command, const struct answer *answer, const json_t *reply);
const char *agreement_difference(const struct agreement *agreement);

/* Reports a violation if there was nothing to compare. */
void agreement_close(struct agreement *agreement);

#endif
