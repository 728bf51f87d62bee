/* rate: how many things may be done now, if at most so many a second are allowed. A pause is made up for by one
 * second's things at most. Times are of CLOCK_MONOTONIC. */
#ifndef COMMON_RATE_H
#define COMMON_RATE_H

#include <stdint.h>

struct rate {
    int64_t a_second; /* 0: no limit */
    int64_t begin_ms; /* since when `taken` counts */
    int64_t taken;
    enum rate_state {
        RATE_IDLE,   /* rate_left was not called yet */
        RATE_COUNTED /* since the first call */
    } state;         /* changed by rate_left */
};

/* A rate that begins with the first call of rate_left. */
#define RATE_OF(number) ((struct rate){.a_second = (number)})

/* How many may be taken now; INT64_MAX if there is no limit. It may be negative. */
int64_t rate_left(struct rate *rate, int64_t now_ms);

/* Counts what was taken; a negative count gives back. */
void rate_take(struct rate *rate, int64_t count);

#endif
