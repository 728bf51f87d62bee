/* state: the results of a run, in a form in which two runs over the same commands can be compared byte for byte. */
#ifndef TESTS_LIVE_STATE_H
#define TESTS_LIVE_STATE_H

#include "tests/live/observations.h"

/* Writes one line for each client and email that Redis holds, sorted by key, and then one for each client of the
 * record topic, with its last record, sorted by key:
 *
 *   redis KEY VALUE
 *   record KEY VALUE command-id=VALUE command-hash=VALUE source=VALUE
 *
 * A line feed in a value is \n, a backslash \\, null \0. To be called after the records have been read. Returns 0,
 * or -1 with errno set. */
int state_write(struct observations *observations, const char *path);

#endif
