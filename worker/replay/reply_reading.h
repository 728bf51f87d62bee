/* reply_reading: reads all reply topics, and keeps the replies to replayed commands. */
#ifndef WORKER_REPLAY_REPLY_READING_H
#define WORKER_REPLAY_REPLY_READING_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/replay/history_reader.h"
#include "worker/replay/recorded_replies.h"

/* Called for every few hundred replies, with the number of offsets that are done, of all. */
typedef void reply_reading_progress(void *listener, int64_t done, int64_t total);

/* Called in another thread, at least ten times a second. False ends the reading. */
typedef bool reply_reading_keep_going(void *listener);

struct reply_reading {
    const struct config *config;
    rd_kafka_t *consumer; /* for a query */
    bool presumes;        /* replies that need not be read whole are added as presumed (presumed_reply.h) */
    uint32_t threads;
    int wait_ms;      /* for each answer of Kafka */
    int64_t since_ms; /* from the first reply with this timestamp or a later one on; 0: from the start */
    const struct history_ahead *ahead;    /* of the reader; NULL: its own bound */
    bool without_contents;                /* the replies' contents are not kept */
    reply_reading_progress *progress;     /* may be NULL */
    reply_reading_keep_going *keep_going; /* may be NULL */
    void *listener;
};

/* Reads replies.topic and all existing topics that replies.allowed matches, to their ends at this moment, and adds the
 * replies to commands of commands.topic that `replies` covers. Then seals `replies`. Messages that are no replies are
 * passed over. False with the reason in `error`, which is "" if keep_going has ended the reading. */
MUST_CHECK bool reply_reading_run(const struct reply_reading *reading, struct recorded_replies *replies, char *error,
                                  size_t error_size);

#endif
