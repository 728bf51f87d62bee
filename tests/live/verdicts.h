/* verdicts: the result of each command, one line per command. */
#ifndef TESTS_LIVE_VERDICTS_H
#define TESTS_LIVE_VERDICTS_H

#include "tests/live/observations.h"

/* Prints "position TAB command id TAB words of the violated checks" for the commands with violations, or for all,
 * and a line with "-" for position and id if there are violations that concern no command. Returns 0 if there is no
 * violation, otherwise 1. To be called after all checks. */
int outcomes_print(const struct observations *observations, bool all);

#endif
