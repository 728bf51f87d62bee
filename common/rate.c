#include "common/rate.h"

#define DEBT_MS 1000

static void begin(struct rate *rate, int64_t now_ms)
{
    rate->begin_ms = now_ms;
    rate->taken = 0;
    rate->state = RATE_COUNTED;
}

int64_t rate_left(struct rate *rate, int64_t now_ms)
{
    if (rate->a_second == 0)
        return INT64_MAX;
    if (rate->state == RATE_IDLE)
        begin(rate, now_ms);
    const int64_t left = 1 + (now_ms - rate->begin_ms) * rate->a_second / 1000 - rate->taken;
    if (left <= 1 + rate->a_second * DEBT_MS / 1000)
        return left;
    begin(rate, now_ms);
    return 1;
}

void rate_take(struct rate *rate, int64_t count)
{
    rate->taken += count;
}
