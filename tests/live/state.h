/* state: what a run left behind, in a form that two runs over the same commands can be compared by, byte for byte. */
#ifndef TESTS_LIVE_STATE_H
#define TESTS_LIVE_STATE_H

#include "tests/live/observations.h"

/* Writes one line for each client and email that Redis holds, in the order of their keys, and then one for each client
 * of the record topic, the last that it says, in the order of their keys:
 *
 *   redis KEY VALUE
 *   record KEY VALUE command-id=VALUE command-hash=VALUE source=VALUE
 *
 * A line feed in a value is \n, a backslash \\, null \0. After the records have been read. Returns 0, or -1 with errno
 * set. */
int state_write(struct observations *observations, const char *path);

#endif
