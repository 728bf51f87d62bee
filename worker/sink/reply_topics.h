/* reply_topics: which topics a reply may go to, and how many partitions they have, as the cluster said last. All
 * workers share it. A thread of its own asks the cluster, so that no worker waits for the answer; it asks for what the
 * cluster has and never for a name that a command gave, so that such a name neither makes the broker create a topic nor
 * takes memory here. The table holds the topics that exist and that replies.allowed matches, and replies.topic.
 *
 * The thread asks at the start, once a second at most while a worker misses something, and every 10 s. */
#ifndef WORKER_SINK_REPLY_TOPICS_H
#define WORKER_SINK_REPLY_TOPICS_H

#include <time.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

struct reply_topics;

/* New, with its thread started; or NULL after the reason was logged. `config` must outlive it. */
MUST_CHECK struct reply_topics *reply_topics_open(const struct config *config);

/* Asks the thread to end and waits until `deadline` (CLOCK_REALTIME): a question to Kafka may be under way. True if it
 * has ended. NULL is fine. */
MUST_CHECK bool reply_topics_end(struct reply_topics *topics, const struct timespec *deadline);

/* Once the thread has ended. NULL is fine. */
void reply_topics_free(struct reply_topics *topics);

/* ---- by any thread ---- */

/* True once the cluster has answered for the first time: before, nothing is known of any topic. */
bool reply_topics_are_known(struct reply_topics *topics);

/* What is known of a topic by this name. */
struct reply_topic {
    enum { REPLY_TOPIC_ABSENT, REPLY_TOPIC_SHUNNED, REPLY_TOPIC_THERE } state; /* SHUNNED: see reply_topics_shun */
    int32_t partitions;                                                        /* REPLY_TOPIC_THERE: 1 or more */
    bool needs_key;                                                            /* see reply_topics_need_key */
};
struct reply_topic reply_topics_find(struct reply_topics *topics, struct span name);

/* Something is missed. Has the cluster asked again, unless that was done within the last second, and waits up to
 * `wait_ms` for the answer. True if there is news since the call. With wait_ms 0 it only asks. */
bool reply_topics_look_again(struct reply_topics *topics, int wait_ms);

/* When the question was put that the cluster has answered last: CLOCK_MONOTONIC, milliseconds; 0: never. */
int64_t reply_topics_asked_ms(struct reply_topics *topics);

/* The topic did not take a reply, for this reason. It is not used for `for_ms`. Logged, at most once a minute for each
 * reason. A topic that is not in the table, and replies.topic, are left as they are. */
void reply_topics_shun(struct reply_topics *topics, struct span name, const char *reason, int64_t for_ms);

/* The same, but the topic is not used for replies without a key only. */
void reply_topics_need_key(struct reply_topics *topics, struct span name, const char *reason, int64_t for_ms);

#endif
