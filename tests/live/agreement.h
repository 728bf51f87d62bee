/* agreement: the daemon and `client-intake validate` judge the same bytes alike. */
#ifndef TESTS_LIVE_AGREEMENT_H
#define TESTS_LIVE_AGREEMENT_H

#include "tests/live/observations.h"

/* True if `validate` can judge it as the daemon does: it fits on a line, and names its workspace and id inside. The
 * history of the commands has to mark them by this. */
bool agreement_is_comparable(const struct message *command);

/* Writes the value of every such command, one per line, in the order of their positions. Returns 0, or -1 with errno
 * set. */
int agreement_write_lines(const struct history *commands, const char *path);

/* What `validate` said about those lines. New; NULL with errno set if the file cannot be read. If there is not one line
 * for each command, that is noted as a violation. */
struct agreement *agreement_open(const struct history *commands, const char *path);

/* False if the reply to this command differs from the line about it; agreement_difference tells how until the next
 * call. True also if there is none. */
bool agreement_holds(struct agreement *agreement, long command, const struct answer *answer, const json_t *reply);
const char *agreement_difference(const struct agreement *agreement);

/* Notes a violation if there was nothing to compare. */
void agreement_close(struct agreement *agreement);

#endif
