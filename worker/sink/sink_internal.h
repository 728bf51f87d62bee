/* sink_internal: what the files of the sink share among themselves; nobody else includes it. */
#ifndef WORKER_SINK_SINK_INTERNAL_H
#define WORKER_SINK_SINK_INTERNAL_H

#include <stdatomic.h>
#include <uthash.h>

#include "common/must_check.h"
#include "worker/sink/sink.h"

enum sink_step { STEP_IDLE, STEP_SENDING, STEP_SENT, STEP_OFFSETS_SENT, STEP_ABORTING };

/* Whether a topic of the transaction may not be written, which librdkafka's log tells. */
enum sink_denial {
    DENIAL_NONE,
    DENIAL_OF_ONE, /* one, and no line has told which */
    DENIAL_TOLD    /* that topic is shunned if a command has named it */
};

struct sink {
    rd_kafka_t *producer;
    const struct config *config;
    struct batch *batch;
    bool transactional;
    bool single;      /* every message travels alone */
    bool oversized;   /* a message was refused for its size, in company, since sink_send */
    bool has_refused; /* a message was refused for its size, and it is known which */
    bool has_refused_client;
    bool knows_sizes;   /* messages are not compressed, so of two the longer one is the larger one to the broker */
    bool initialized;   /* its transactional id is ours */
    bool waited;        /* sink_prepare could not be done at once */
    int64_t learned_ms; /* when the output topics were known; CLOCK_MONOTONIC; 0: not yet */
    bool prepared;      /* and the output topics are known */
    bool commit_tried;  /* of the present transaction */
    bool commit_uncertain;
    bool connection_lost; /* a connection broke, a request timed out, or an arrival is a mere guess, since sink_send */
    enum sink_step step;
    uint32_t next;       /* message that was not handed over yet, of the two that each item may give. In a transaction
                            an item's reply follows what stands beside it; at-least-once sends all replies last */
    size_t message_most; /* message.max.bytes: librdkafka itself refuses what has more */
    struct size_limits *limits; /* borrowed: of the reply, record and dead-letter topics */
    rd_kafka_topic_t *records, *dead_letters;
    struct reply_topics *topics;              /* borrowed */
    struct sink_topic *default_topic, *named; /* replies.topic; those that commands have named, a hash table */
    size_t named_count;
    struct sink_route *routes;       /* by the item's index */
    int64_t routed_ms;               /* CLOCK_MONOTONIC */
    bool tries;                      /* this batch may try named topics that are not proven */
    bool has_lost;                   /* a named topic refused a reply, since sink_route_batch */
    _Atomic enum sink_denial denial; /* since sink_send; set by librdkafka's threads */
    uint32_t undelivered;            /* handed over, no report yet */
    uint32_t failed;                 /* messages that were refused or did not arrive for certain, since sink_send */
    struct offsets record_ends;
    bool inherited;          /* the fault began with an earlier producer: only a commit ends it */
    struct log_fault *fault; /* borrowed: it may outlast many producers */
};

/* The message is too large by itself: the next one in its place will be smaller, or none. */
void sink_refuse(struct sink *sink, struct item *item, enum message_kind kind);

/* Hands one of the two messages that an item gives to librdkafka, if it gives it: what stands beside the reply (a
 * record or a dead letter), or the reply. RD_KAFKA_RESP_ERR__QUEUE_FULL: nothing has happened, try again later. One
 * that is too large for librdkafka itself is refused and counted as failed, which is no error. */
MUST_CHECK rd_kafka_resp_err_t sink_send_companion(struct sink *sink, uint32_t index, struct arena *scratch);
MUST_CHECK rd_kafka_resp_err_t sink_send_reply(struct sink *sink, uint32_t index);

/* Makes the reply small enough for what is known of its topic. May put a reply into the batch's arena. */
void sink_fit_reply(struct sink *sink, uint32_t index);

/* ---- sink_topics.c: the reply topics as one producer knows them ---- */

/* The opaque of its rd_kafka_topic_t. */
struct sink_topic {
    char *name;
    rd_kafka_topic_t *handle;          /* NULL once it was let go */
    int32_t partitions;                /* as it is used: 1 or more */
    int32_t learned;                   /* how many the producer knows; 0: none yet */
    int64_t learned_ms;                /* when it was to learn them last; CLOCK_MONOTONIC */
    uint32_t undelivered;              /* replies of the present transaction that are under way */
    uint32_t keyless;                  /* replies of the present transaction that have no key */
    bool is_proven, is_proven_keyless; /* as reply_topics_find told last */
    UT_hash_handle hh;
};

/* Once there is a producer, and after it has been destroyed. False when out of memory. */
MUST_CHECK bool sink_topics_open(struct sink *sink);
void sink_topics_free(struct sink *sink);

/* Before the producer is destroyed. */
void sink_topics_let_go(struct sink *sink);

void sink_default_learned(struct sink *sink, int32_t partitions);

/* The topic, which is there and has so many partitions. NULL after the reason was logged. */
MUST_CHECK struct sink_topic *sink_topic_named(struct sink *sink, struct span name, int32_t partitions);

/* The producer learns what it does not know of the topics to which the batch is routed. Takes 500 ms at most for each
 * of four topics, or for all if there are more; nothing if there is nothing new. */
void sink_topics_learn(struct sink *sink);

/* True if so many topics were named that this producer should be replaced. */
bool sink_topics_are_many(const struct sink *sink);

/* ---- sink_routes.c: where each reply goes ---- */

struct sink_route {
    struct sink_topic *topic;
    int32_t partition; /* that the command names and the topic has; -1: none */
};

/* Chooses for each item of the batch, and counts in it what cannot be had. Waits at most 100 ms for news of a topic
 * that is missed, once a second; and as sink_topics_learn. */
void sink_route_batch(struct sink *sink);

/* The key of the item's reply in its present form; at == NULL: none. */
struct span sink_reply_key(const struct item *item);

/* An item's topic, how many partitions it has, and the partition that the command names, or -1. */
MUST_CHECK rd_kafka_topic_t *sink_route(const struct sink *sink, uint32_t index, int32_t *partitions,
                                        int32_t *partition);

/* What happens to a message, of whatever kind. A topic named by a command that does not take its reply is shunned for a
 * while, so that the batch goes through when it is sent again. */
void sink_route_sent(rd_kafka_topic_t *handle, bool has_key);
void sink_route_failed(struct sink *sink, const rd_kafka_topic_t *handle, rd_kafka_resp_err_t code);
void sink_route_ended(struct sink *sink, const rd_kafka_message_t *message);

/* True, after such topics were shunned, if the batch waits for topics that commands name: they are no longer there, or
 * take nothing while Kafka answers. The producer is of no more use then. */
bool sink_routes_hold_up(struct sink *sink);

/* A line of librdkafka's log, by any of its threads: nothing else tells which topic may not be written. */
void sink_routes_read_log(struct sink *sink, const char *facility, const char *text);

/* Before the sink is closed: if a topic may not be written and no line has told which, each that a command of the batch
 * has named is shunned. If named topics have undone this try, trials of others pause. */
void sink_routes_deny(struct sink *sink);

/* Judges an error of the transactional API by its three marks, in the order that librdkafka's manual gives. Frees it.
 */
MUST_CHECK enum sink_result sink_classify(struct sink *sink, const char *event, rd_kafka_error_t *error);

#endif
