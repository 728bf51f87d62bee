/* probe: the latency of one command at a time, from produce to the reply as a read_committed reader sees it. */
#ifndef TESTS_BENCH_PROBE_H
#define TESTS_BENCH_PROBE_H

#include <stddef.h>

#include "tests/bench/client.h"

struct probe {
    const char *bootstrap;
    const char *commands, *replies; /* topics */
    const char *run;                /* names the commands; must not have been used with this worker before */
    const struct tuning *tuning;
    int count; /* commands measured; some more go ahead to warm up */
};

/* Fills milliseconds[count]. Nobody else may send commands meanwhile. */
void probe_run(const struct probe *probe, double *milliseconds);

#endif
