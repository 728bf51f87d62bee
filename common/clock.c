#include "common/clock.h"

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

double clock_now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

struct timespec clock_time(int64_t at_ms)
{
    return (struct timespec){(time_t)(at_ms / 1000), at_ms % 1000 * 1000000};
}

void clock_sleep(int64_t wait_ms)
{
    struct timespec time = clock_time(wait_ms);
    nanosleep(&time, NULL);
}
