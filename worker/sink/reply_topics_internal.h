/* reply_topics_internal: what the files of reply_topics share. No other file includes it. */
#ifndef WORKER_SINK_REPLY_TOPICS_INTERNAL_H
#define WORKER_SINK_REPLY_TOPICS_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "common/log.h"
#include "worker/sink/reply_topics.h"
#include "worker/sink/topic_table.h"

#define NEVER_ASKED 0

#define SETTINGS_FRESH_MS 5000  /* settings of this age are read again with the next answer about topics */
#define SETTINGS_OLD_MS   15000 /* and of this age before a reply goes to the topic */

struct reply_topics {
    const struct config *config;
    pthread_t thread;
    bool ended;             /* the thread was joined; used by reply_topics_end only */
    int32_t broker;         /* one that should answer; used by the thread only */
    rd_kafka_t *handle;     /* used by the thread only */
    rd_kafka_topic_t *only; /* replies.topic if no other topic is allowed: then only this one is requested */
    struct log_fault silent;
    bool own_are_read;   /* the settings of our own topics were read; used by the thread only */
    bool denial_is_told; /* that settings may not be read was logged; used by the thread only */

    pthread_mutex_t lock; /* protects the members below */
    pthread_cond_t changed;
    bool ending, missed;
    bool unread;         /* a topic was found whose settings are not known or too old */
    bool reading;        /* the thread asks for settings */
    bool reads_settings; /* false without transactions, and once Kafka has said that it tells no settings */
    int64_t began_ms;    /* when the last request was sent, answered or not */
    int64_t asked_ms;    /* when the last answered request was sent */
    struct topic_table table;
    struct trials trials;
};

/* With the lock. When the thread asks for topics again; CLOCK_MONOTONIC, milliseconds. */
int64_t reply_topics_due_ms(const struct reply_topics *topics);

/* ---- reply_topics_settings.c: whether the settings of topics let transactions end ---- */

/* For the thread, with the lock, which is released meanwhile: reads the settings of the topics that commands have named
 * and, once, of our own topics. */
void reply_topics_read_settings(struct reply_topics *topics);

/* With the lock. True if the entry's settings must be read before it is used. */
bool reply_topics_are_unread(const struct reply_topics *topics, const struct topic_entry *entry, int64_t now_ms);

#endif
