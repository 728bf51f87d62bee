#include "worker/http/since.h"

/* The period that ends with a sample, and begins so many samples before, or with the first. */
static struct status_period period_until(const struct status *status, size_t last, size_t samples)
{
    return status_period_between(&status->samples[last > samples ? last - samples : 0], &status->samples[last]);
}

struct since since_of(const struct status *status, since_holds *holds)
{
    bool is_full = status->sample_count == HISTORY_SAMPLES;
    /* What was before the first sample of a full ring is not known, so that every minute has to be whole. Before the
     * first sample of another one there was nothing. */
    size_t lowest = is_full ? MINUTE_SAMPLES + 1 : 1;
    struct since since = {.wall_ms = status->now.wall_ms};
    for (size_t i = status->sample_count; i-- > lowest;) {
        struct status_period recent = period_until(status, i, RECENT_SAMPLES + 1);
        struct status_period minute = period_until(status, i, MINUTE_SAMPLES + 1);
        if (!holds(&recent, &minute))
            return since;
        since.wall_ms = status->samples[i].wall_ms;
    }
    since.or_earlier = is_full;
    return since;
}
