#include "worker/kafka/kafka_patience.h"

/* Some questions take two round trips: librdkafka asks for the leaders or the coordinator first. */
#define TIMES 3

/* Of what an answer took less than the ones before it, so much is believed. */
#define FORGET 8

static int at_least(int wait_ms, int64_t wanted_ms)
{
    if (wanted_ms > KAFKA_PATIENCE_MOST_MS)
        wanted_ms = KAFKA_PATIENCE_MOST_MS;
    return wanted_ms > wait_ms ? (int)wanted_ms : wait_ms;
}

int kafka_patience_ms(const struct kafka_patience *patience, int wait_ms)
{
    return at_least(wait_ms, TIMES * patience->took_ms);
}

int kafka_patience_insist_ms(const struct kafka_patience *patience, int wait_ms)
{
    return at_least(kafka_patience_ms(patience, wait_ms), patience->insist_ms);
}

void kafka_patience_answered(struct kafka_patience *patience, int64_t asked_ms, int64_t now_ms)
{
    const int64_t took_ms = now_ms - asked_ms, more_ms = took_ms - patience->took_ms;
    /* The last step rounds away from zero, so that the time falls to that of the answers. */
    patience->took_ms = more_ms >= 0 ? took_ms : patience->took_ms + (more_ms - (FORGET - 1)) / FORGET;
    patience->insist_ms = 0;
}

void kafka_patience_unanswered(struct kafka_patience *patience, int waited_ms)
{
    patience->insist_ms = 2 * (int64_t)waited_ms;
}
