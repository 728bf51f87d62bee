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
    case REFUSAL_UNSURE:
    case REFUSAL_NONE:
        break;
    }
    return 0;
}

/* A topic that went without a refusal for long begins again. */
static void standing_forgive(struct topic_standing *standing, int64_t now_ms)
{
    if (standing->is_proven && now_ms - standing->until_ms >= STANDING_LONGEST_MS)
        standing->refusals = 0;
}

bool standing_refuse(struct topic_standing *standing, enum refusal refusal, int64_t now_ms)
{
    int64_t for_ms = first_ms(refusal);
    if (for_ms == 0 || standing->until_ms > now_ms)
        return false;
    standing_forgive(standing, now_ms);
    standing->doubts = 0;
    if (refusal != REFUSAL_GONE) {
        for (uint32_t i = 0; i < standing->refusals && for_ms < STANDING_LONGEST_MS; i++)
            for_ms *= 2;
        standing->refusals++;
    }
    standing->until_ms = now_ms + (for_ms < STANDING_LONGEST_MS ? for_ms : STANDING_LONGEST_MS);
    standing->is_proven = false;
    return true;
}

int64_t standing_doubt(struct topic_standing *standing, enum own_topics own, int64_t now_ms)
{
    const int64_t bound_ms = own == OWN_WORKED ? STANDING_DOUBT_MS : STANDING_SILENT_MS;
    if (own == OWN_FAILED)
        standing->doubts = 0;
    if (own == OWN_FAILED || standing->until_ms > now_ms)
        return -1;
    standing_forgive(standing, now_ms);
    if (standing->doubts == 0 || now_ms - standing->last_doubt_ms >= DOUBT_QUIET_MS) {
        standing->doubts = 0;
        standing->doubted_ms = now_ms;
    }
    standing->doubts++;
    standing->last_doubt_ms = now_ms;
    const int64_t lasted_ms = now_ms - standing->doubted_ms;
    const bool is_known = own == OWN_WORKED && standing->refusals > 0;
    if (!is_known && (standing->doubts < DOUBTS_LEAST || lasted_ms < bound_ms))
        return -1;
    return standing_refuse(standing, REFUSAL_STUCK, now_ms) ? lasted_ms : -1;
}

void standing_prove(struct topic_standing *standing, int64_t now_ms)
{
    if (standing->until_ms <= now_ms)
        standing->is_proven = true;
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
