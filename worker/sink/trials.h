/* trials: when a reply topic may be tried that may not take replies. Pure.
 *
 * A reply that a named topic does not take undoes its whole transaction. Commands can name hundreds of such topics, one
 * after the other, so two things are bounded: how often one topic is tried, and how much time is lost by all of them.
 * A topic that has taken a reply and refused none since is proven, and is used at any time.
 *
 * Times are CLOCK_MONOTONIC, milliseconds. */
#ifndef WORKER_SINK_TRIALS_H
#define WORKER_SINK_TRIALS_H

#include "common/must_check.h"

#include <stdbool.h>
#include <stdint.h>

#define STANDING_LONGEST_MS 300000 /* a topic is not used for so long at most after a refusal */
#define TRIALS_LOST_MIN_MS  250    /* an undone transaction and a new producer take about so long at least */
#define TRIALS_FREE_MS      2000   /* so much may be lost before trials pause: a few topics concern no others */
#define TRIALS_LONGEST_MS   300000 /* trials pause for so long at most */
#define TRIALS_QUIET_MS     60000  /* without a failure: the next one counts as the first */

/* Why a topic did not take a reply. */
enum refusal {
    REFUSAL_NONE,   /* the error tells of something else */
    REFUSAL_GONE,   /* it is not there: the cluster's next answer will tell */
    REFUSAL_DENIED, /* it may not be written, or takes no such message; that may change */
    REFUSAL_STUCK   /* it answers nothing while Kafka does */
};

/* What is known of one topic, or of its replies without a key. Zero: nothing yet. */
struct topic_standing {
    int64_t until_ms;  /* it is not used before */
    uint32_t refusals; /* in a row, without a reply that it took; those of REFUSAL_GONE do not count */
    bool is_proven;    /* it has taken a reply, and refused none since */
};

/* It refused a reply. It is not used for a while, longer with each refusal in a row. True if it was in use until now:
 * refusals of other messages of the same try change nothing. */
MUST_CHECK bool standing_refuse(struct topic_standing *standing, enum refusal refusal, int64_t now_ms);

/* It took a reply. */
void standing_prove(struct topic_standing *standing);

/* All topics that are not proven. Zero: they may be tried. */
struct trials {
    int64_t resume_ms; /* not before */
    int64_t lost_ms;   /* by failures, without TRIALS_QUIET_MS between them */
    int64_t factor;    /* the last pause, in times that its failure took; 0: there was none yet */
};

bool trials_are_open(const struct trials *trials, int64_t now_ms);

/* A try, which took `lost_ms`, was undone since a topic refused a reply. Once such tries
 * have taken TRIALS_FREE_MS, trials pause for a multiple of that time, which doubles up to 16 while failures go on:
 * then they take no more than a sixteenth of all time. */
void trials_fail(struct trials *trials, int64_t lost_ms, int64_t now_ms);

#endif
