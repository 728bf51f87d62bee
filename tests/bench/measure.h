/* measure: clocks and counters that the benchmarks share. Those of another process are read from /proc. */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Prints "program: text" on standard error and exits with status 69: a benchmark has nothing to save. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A whole number of at least `least` from the command line, or fail(). */
int64_t number_of(const char *text, int64_t least);

/* Nanoseconds on a monotonic clock. */
int64_t clock_ns(void);

/* The same on the clock of this thread's processor time. */
int64_t clock_thread_ns(void);

/* Microseconds of processor time, user and system, that this process has used. */
double cpu_us_own(void);
/* The same of process `pid`, in steps of one clock tick (10 ms); -1 if there is no such process. */
double cpu_us_of(pid_t pid);

/* Resident memory in MiB: the peak of this process, and the present value and the peak of `pid` (0 if it has ended). */
double memory_peak_own(void);
double memory_of(pid_t pid);
double memory_peak_of(pid_t pid);

/* Sorts `values` and returns the one below which `part` (0 to 1) of them lie. `count` is at least 1. */
double quantile(double *values, size_t count, double part);

#endif
