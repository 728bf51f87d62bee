/* trials: when an unproven reply topic may be tried. Pure.
 *
 * If a topic that a command names refuses a reply, the whole transaction is undone. Commands can name hundreds of such
 * topics in turn. So two things are bounded: how often one topic is tried, and how much time all of them cost. A topic
 * is proven if it has accepted a reply and refused none since. A proven topic may always be used.
 *
 * Times are CLOCK_MONOTONIC, milliseconds. */
#ifndef WORKER_SINK_TRIALS_H
#define WORKER_SINK_TRIALS_H

#include "common/must_check.h"

#include <stdbool.h>
#include <stdint.h>

#define STANDING_LONGEST_MS 300000 /* the longest time that a topic is not used after a refusal */
#define STANDING_DOUBT_MS   10000  /* how long a topic may fail for a reason that is not known to be its own */
#define STANDING_SILENT_MS  60000  /* the same where nothing is known of the program's own topics, either */
#define DOUBTS_LEAST        3      /* how often it must have failed besides */
#define DOUBT_QUIET_MS      15000  /* after this time without a failure the next one begins another doubt */
#define TRIALS_LOST_MIN_MS  250    /* about the least time that an undone transaction and a new producer take */
#define TRIALS_FREE_MS      2000 /* the time that failures may cost before trials pause: a few bad topics are harmless */
#define TRIALS_LONGEST_MS   300000 /* the longest pause of trials */
#define TRIALS_QUIET_MS     60000  /* after this time without a failure the next one counts as the first */

/* Why a topic refused a reply. */
enum refusal {
    REFUSAL_NONE,   /* it did not: the error has another reason */
    REFUSAL_GONE,   /* the topic does not exist; the cluster's next answer will show it */
    REFUSAL_DENIED, /* the topic may not be written, or accepts no such message; that may change */
    REFUSAL_STUCK,  /* the topic does not answer while Kafka does */
    REFUSAL_UNSURE  /* the topic failed, and the reason may be Kafka's: see standing_doubt */
};

/* What is known of one topic, or of its replies without a key. Zero: nothing yet. */
struct topic_standing {
    int64_t until_ms;  /* the topic is not used before */
    uint32_t refusals; /* since it last went without any for STANDING_LONGEST_MS; REFUSAL_GONE does not count */
    bool is_proven;
    uint32_t doubts;                   /* failures for a reason that is not known to be the topic's own, in a row */
    int64_t doubted_ms, last_doubt_ms; /* when the first and the last of them were */
};

/* The topic refused a reply. It is not used for a while, longer with each refusal in a row. True if it was in use until
 * now; further refusals of the same try change nothing. */
MUST_CHECK bool standing_refuse(struct topic_standing *standing, enum refusal refusal, int64_t now_ms);

/* What the program's own topics did in a try in which a named topic failed. */
enum own_topics {
    OWN_SILENT, /* none has answered: librdkafka keeps messages back once another one has failed */
    OWN_WORKED, /* one took a message and none failed, or they had none to take */
    OWN_FAILED  /* one failed, too: so it is Kafka that fails */
};

/* The topic failed for a reason that may be Kafka's. A broker that restarts has such reasons, so this is a refusal only
 * once it has lasted for STANDING_DOUBT_MS while the own topics worked, or if the topic has refused replies lately. If
 * they are silent it takes STANDING_SILENT_MS, and one that fails ends the doubt. Without such a bound a topic that
 * fails without end would stop the partitions of the commands that name it. Returns 0 or more if the topic is not used
 * for a while from now on: how long its failures have lasted. Else -1. */
MUST_CHECK int64_t standing_doubt(struct topic_standing *standing, enum own_topics own, int64_t now_ms);

/* The topic accepted a reply. This does not end the count of refusals: one of its partitions may accept replies and
 * another one refuse them. Nothing changes while the topic is not used. */
void standing_prove(struct topic_standing *standing, int64_t now_ms);

/* The trials of all unproven topics. Zero: they may be tried. */
struct trials {
    int64_t resume_ms; /* no trial before this time */
    int64_t lost_ms;   /* what the failures cost, without TRIALS_QUIET_MS between them */
    int64_t factor;    /* the last pause as a multiple of what its failure cost; 0: no pause yet */
};

bool trials_are_open(const struct trials *trials, int64_t now_ms);

/* A try, which took `lost_ms`, was undone since a topic refused a reply. Once such tries have cost TRIALS_FREE_MS in
 * all, trials pause for a multiple of `lost_ms`. While failures go on, the multiple doubles up to 16, so failures cost
 * no more than about a sixteenth of the time. */
void trials_fail(struct trials *trials, int64_t lost_ms, int64_t now_ms);

#endif
