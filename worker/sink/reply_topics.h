/* reply_topics: the topics that replies may go to, and their numbers of partitions, from the cluster's last answer. All
 * workers share it. A thread of its own asks the cluster, so no worker waits for the answer. It lists the topics that
 * exist and never asks for a name from a command: such a name must neither make the broker create a topic nor take
 * memory here. The table holds replies.topic and the existing topics that replies.allowed matches.
 *
 * The thread asks at the start, then every 10 s, or once a second while a worker misses a topic.
 *
 * A topic that refuses the marker of a transaction stops a worker for good (worker/kafka/marker_limits.h). So with
 * transactions the thread also reads the settings of topics that commands have named: at the first use, then with each
 * answer about topics while the topic is named, and before another use after 15 s. A topic whose settings are too small
 * is not used. Those of our own topics are read once, and logged if they are too small. */
#ifndef WORKER_SINK_REPLY_TOPICS_H
#define WORKER_SINK_REPLY_TOPICS_H

#include <time.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"
#include "worker/sink/trials.h"

struct reply_topics;

/* New, with its thread started; or NULL after the reason was logged. `config` must outlive it. */
MUST_CHECK struct reply_topics *reply_topics_open(const struct config *config);

/* Asks the thread to end and waits until `deadline` (CLOCK_MONOTONIC), since a request to Kafka may be under way. True
 * if it has ended. NULL is fine. */
MUST_CHECK bool reply_topics_end(struct reply_topics *topics, const struct timespec *deadline);

/* The thread must have ended. NULL is fine. */
void reply_topics_free(struct reply_topics *topics);

/* ---- for any thread ---- */

/* True once the cluster has answered for the first time. */
bool reply_topics_are_known(struct reply_topics *topics);

/* What is known of the topic with this name. */
struct reply_topic {
    enum {
        REPLY_TOPIC_ABSENT,
        REPLY_TOPIC_SUSPENDED,
        REPLY_TOPIC_THERE
    } state;            /* SUSPENDED: see reply_topics_suspend; or its settings may refuse the end of a transaction */
    bool is_unread;     /* the thread asks for its settings now: see reply_topics_await_settings */
    int32_t partitions; /* REPLY_TOPIC_THERE: 1 or more */
    bool needs_key;     /* see reply_topics_need_key */
    bool is_proven, is_proven_keyless; /* it has accepted a reply, with a key or without (trials.h) */
};
struct reply_topic reply_topics_find(struct reply_topics *topics, struct span name);

/* For a topic or partition that is missing: the thread asks the cluster again, unless it did within the last second.
 * Waits up to `wait_ms` for the answer; with 0 it does not wait. True if an answer came during the call. */
bool reply_topics_look_again(struct reply_topics *topics, int wait_ms);

/* After reply_topics_find has told that a topic's settings are not known, or were read too long ago. Waits up to
 * `wait_ms` until the cluster has told them, or has not. A topic whose settings are still not known is used as if they
 * were fine.
 */
void reply_topics_await_settings(struct reply_topics *topics, int wait_ms);

/* When the last answered request was sent: CLOCK_MONOTONIC, milliseconds; 0: never. */
int64_t reply_topics_asked_ms(struct reply_topics *topics);

/* The topic refused a reply: it is not used for a while (standing_refuse). This is logged at most once a minute for
 * each reason. Nothing is done for replies.topic and for topics that are not in the table. */
void reply_topics_suspend(struct reply_topics *topics, struct span name, const char *reason, enum refusal refusal);

/* Like reply_topics_suspend, for replies without a key only. */
void reply_topics_need_key(struct reply_topics *topics, struct span name, const char *reason, enum refusal refusal);

/* The topic failed for a reason that may be Kafka's, and so the own topics did (standing_doubt). Returns 0 or more if
 * it is suspended from now on: how long its failures have lasted, in milliseconds. Else -1. */
MUST_CHECK int64_t reply_topics_doubt(struct reply_topics *topics, struct span name, const char *reason,
                                      enum own_topics own);

/* The topic accepted a reply, with a key or without. */
void reply_topics_prove(struct reply_topics *topics, struct span name, bool has_key);

/* True if topics that are not proven may be tried now. */
bool reply_topics_may_try(struct reply_topics *topics);

/* A try, which took `lost_ms`, was undone since a topic that a command named refused a reply. */
void reply_topics_lost(struct reply_topics *topics, int64_t lost_ms);

#endif
