/* clock: the time in milliseconds from the two clocks that the program reads; deadlines and sleeping. */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC: never goes back, and has no meaning outside of this process. For durations, pauses and limits. */
int64_t clock_now_ms(void);

/* The same clock in seconds, for durations below a millisecond. */
double clock_now_seconds(void);

/* CLOCK_REALTIME: since 1970, UTC. It may be set back. For times that others read. */
int64_t clock_wall_ms(void);

/* The time `at_ms` of either clock, in the form of system calls with a deadline. */
struct timespec clock_time(int64_t at_ms);

/* Sleeps; a signal ends it early. */
void clock_sleep(int64_t wait_ms);

#endif
