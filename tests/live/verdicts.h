/* verdicts: what became of each command, one line per command. */
#ifndef TESTS_LIVE_VERDICTS_H
#define TESTS_LIVE_VERDICTS_H

#include "tests/live/observations.h"

/* Prints "place TAB command id TAB words of the breached checks" for the commands that are not fine, or for all, and a
 * line with "-" for place and id if there are violations that concern no command. Returns 0 if all is fine, else 1.
 * After the judges. */
int verdicts_print(const struct observations *observations, bool all);

#endif
