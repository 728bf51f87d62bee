/* The failpoints of the test build: the environment says where it ends, or freezes.
 *
 *   FAILPOINT   the place, by its name in common/failpoint.h; unset: nowhere
 *   FAILPOINT_AFTER   how many times it is passed before (0)
 *   FAILPOINT_SIGNAL  KILL (the default) or STOP
 */
#include "common/failpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[FAILPOINT_COUNT] = {
#define FAILPOINT_ROW(name, text) [FAILPOINT_##name] = text,
    FAILPOINT_TABLE(FAILPOINT_ROW)
#undef FAILPOINT_ROW
};

static atomic_long passed;

void failpoint(enum failpoint point)
{
    const char *wanted = getenv("FAILPOINT"), *after = getenv("FAILPOINT_AFTER"),
               *signal_name = getenv("FAILPOINT_SIGNAL");
    if (!wanted || strcmp(wanted, names[point]) != 0)
        return;
    if (atomic_fetch_add(&passed, 1) != (after ? atol(after) : 0))
        return;
    fprintf(stderr, "failpoint %s\n", names[point]);
    /* raise, since after kill() to the process this thread may go on for a moment, until another one takes the signal.
     */
    raise(signal_name && strcmp(signal_name, "STOP") == 0 ? SIGSTOP : SIGKILL);
}
