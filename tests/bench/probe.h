/* probe: the latency of one command at a time, from produce to the reply as a read_committed reader sees it. */
#ifndef TESTS_BENCH_PROBE_H
#define TESTS_BENCH_PROBE_H

#include <stddef.h>

#include "tests/bench/client.h"

struct probe {
    const char *bootstrap;
    const char *commands, *replies; /* topics */
    const char *run;                /* prefix of the command ids; must be new to this worker */
    const struct tuning *tuning;
    int count; /* commands measured, after a few for warming up */
};

/* Fills milliseconds[count]. No other program may send commands meanwhile. */
void probe_run(const struct probe *probe, double *milliseconds);

#endif
