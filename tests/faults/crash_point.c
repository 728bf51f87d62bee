/* The crash points of the test build: the environment says where it ends, or freezes.
 *
 *   CRASH_POINT   the place, by its name in common/crash_point.h; unset: nowhere
 *   CRASH_AFTER   how many times it is passed before (0)
 *   CRASH_SIGNAL  KILL (the default) or STOP
 */
#include "common/crash_point.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[CRASH_POINT_COUNT] = {
#define CRASH_POINT_ROW(name, text) [CRASH_##name] = text,
    CRASH_POINT_TABLE(CRASH_POINT_ROW)
#undef CRASH_POINT_ROW
};

static atomic_long passed;

void crash_point(enum crash_point point)
{
    const char *wanted = getenv("CRASH_POINT"), *after = getenv("CRASH_AFTER"), *signal_name = getenv("CRASH_SIGNAL");
    if (!wanted || strcmp(wanted, names[point]) != 0)
        return;
    if (atomic_fetch_add(&passed, 1) != (after ? atol(after) : 0))
        return;
    fprintf(stderr, "crash point %s\n", names[point]);
    kill(getpid(), signal_name && strcmp(signal_name, "STOP") == 0 ? SIGSTOP : SIGKILL);
}
