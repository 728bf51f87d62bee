#include "worker/sink/trials.h"

#define FACTOR_FIRST 2
#define FACTOR_MOST  16

static int64_t first_ms(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_GONE:
        return 2000;
    case REFUSAL_DENIED:
        return 10000;
    case REFUSAL_STUCK:
        return 30000;
    case REFUSAL_NONE:
        break;
    }
    return 0;
}

bool standing_refuse(struct topic_standing *standing, enum refusal refusal, int64_t now_ms)
{
    int64_t for_ms = first_ms(refusal);
    if (for_ms == 0 || standing->until_ms > now_ms)
        return false;
    if (refusal != REFUSAL_GONE) {
        for (uint32_t i = 0; i < standing->refusals && for_ms < STANDING_LONGEST_MS; i++)
            for_ms *= 2;
        standing->refusals++;
    }
    standing->until_ms = now_ms + (for_ms < STANDING_LONGEST_MS ? for_ms : STANDING_LONGEST_MS);
    standing->is_proven = false;
    return true;
}

void standing_prove(struct topic_standing *standing)
{
    standing->is_proven = true;
    standing->refusals = 0;
}

bool trials_are_open(const struct trials *trials, int64_t now_ms)
{
    return now_ms >= trials->resume_ms;
}

void trials_fail(struct trials *trials, int64_t lost_ms, int64_t now_ms)
{
    if (now_ms - trials->resume_ms >= TRIALS_QUIET_MS)
        *trials = (struct trials){0};
    lost_ms = lost_ms > TRIALS_LOST_MIN_MS ? lost_ms : TRIALS_LOST_MIN_MS;
    trials->resume_ms = now_ms;
    trials->lost_ms += lost_ms;
    if (trials->lost_ms <= TRIALS_FREE_MS)
        return;
    trials->factor = trials->factor == 0 ? FACTOR_FIRST : trials->factor * 2;
    if (trials->factor > FACTOR_MOST)
        trials->factor = FACTOR_MOST;
    int64_t pause_ms = lost_ms * trials->factor;
    trials->resume_ms += pause_ms < TRIALS_LONGEST_MS ? pause_ms : TRIALS_LONGEST_MS;
}
