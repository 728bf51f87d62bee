/* sink_internal: what the files of the sink share. No other file includes it. */
#ifndef WORKER_SINK_SINK_INTERNAL_H
#define WORKER_SINK_SINK_INTERNAL_H

#include <stdatomic.h>
#include <uthash.h>

#include "common/must_check.h"
#include "worker/sink/sink.h"

enum sink_step { STEP_IDLE, STEP_SENDING, STEP_SENT, STEP_OFFSETS_SENT, STEP_ABORTING };

/* Whether the broker denied a write to a topic of the transaction. Only librdkafka's log says so. */
enum sink_denial {
    DENIAL_NONE,
    DENIAL_OF_ONE, /* of one topic; the log has not named it */
    DENIAL_NAMED   /* the log has named the topic, which is suspended if a command has named it, too */
};

struct sink {
    rd_kafka_t *producer;
    const struct config *config;
    struct batch *batch;
    bool transactional;
    bool single;      /* each message is sent in a request of its own */
    bool oversized;   /* a request of several messages was refused for its size since sink_send */
    bool has_refused; /* a message was refused for its size since sink_send, and it is known which */
    bool has_refused_client;
    bool knows_sizes; /* messages are not compressed, so the longer of two is also larger for the broker */
    bool initialized; /* earlier producers of its transactional id are shut out */
    int64_t stuck_ms,
        tell_stuck_ms;  /* since when an earlier transaction does not end; 0: it has ended. When to log it */
    bool waited;        /* sink_prepare has returned SINK_LATER */
    int64_t learned_ms; /* when the output topics became known; CLOCK_MONOTONIC; 0: not yet */
    bool prepared;      /* sink_prepare has returned SINK_DONE */
    bool commit_tried;  /* of the present transaction */
    bool commit_uncertain;
    bool connection_lost; /* since sink_send a connection was lost, a request timed out, or a delivery is a guess */
    enum sink_step step;
    uint32_t next;              /* the next message to hand over, of two for each item. In a transaction an item's reply
                                   follows its companion; in at-least-once mode all replies come last */
    size_t message_most;        /* message.max.bytes: librdkafka itself refuses a larger message */
    struct size_limits *limits; /* borrowed: of the reply, record and dead-letter topics */
    rd_kafka_topic_t *records, *dead_letters;
    struct reply_topics *topics;              /* borrowed */
    struct sink_topic *default_topic, *named; /* replies.topic; a hash table of the topics that commands have named */
    size_t named_count;
    struct sink_route *routes;       /* by item index */
    int64_t routed_ms;               /* CLOCK_MONOTONIC */
    bool tries;                      /* this batch may try named topics that are not proven */
    bool has_unread;                 /* settings of a named topic are not known; see sink_route_batch */
    bool has_lost;                   /* a named topic refused a reply, since sink_route_batch */
    enum own_topics own;             /* what the program's own topics did since then */
    int64_t lost_ms;                 /* what the failures cost that ended with a suspension; 0: none did */
    _Atomic enum sink_denial denial; /* since sink_send; set by librdkafka's threads */
    uint32_t undelivered;            /* messages without a delivery report */
    uint32_t failed;                 /* messages that were refused or may not have arrived, since sink_send */
    struct offsets record_ends;
    bool inherited;          /* the fault began with an earlier producer, so only a commit ends it */
    struct log_fault *fault; /* borrowed: it may outlast many producers */
};

/* ---- sink_refusals.c: messages that are too large ---- */

/* The size of a rejection in its smallest form, unless topic and id have the longest possible names. A topic that
 * refuses this size is too small for replies. */
#define SMALLEST_REPLY_BYTES 2048

/* The message is too large by itself: the next try sends a smaller one in its place, or none. */
void sink_refuse(struct sink *sink, struct item *item, enum message_kind kind);

/* The same without a try. */
void sink_leave_out_reply(struct item *item);
void sink_refuse_dead_letter(struct item *item);

/* True if the client was refused meanwhile: the command gets another reply, which begins in full form. */
bool sink_reply_is_void(const struct item *item);

/* The name of the topic that an item's reply goes to. */
const char *sink_reply_topic(const struct sink *sink, uint32_t index);

/* ---- sink_message.c ---- */

/* Hand one message of an item to librdkafka, if the item has it: the companion of its reply (a record or a dead
 * letter), or the reply. RD_KAFKA_RESP_ERR__QUEUE_FULL: nothing was done, try again later. A message that is too large
 * for librdkafka itself is refused and counted as failed, which is no error. */
MUST_CHECK rd_kafka_resp_err_t sink_send_companion(struct sink *sink, uint32_t index, struct arena *scratch);
MUST_CHECK rd_kafka_resp_err_t sink_send_reply(struct sink *sink, uint32_t index);

/* Makes the reply small enough for the known limit of its topic. May write a new reply into the batch's arena. */
void sink_fit_reply(struct sink *sink, uint32_t index);

/* ---- sink_topics.c: the reply topics as one producer knows them ---- */

/* The opaque of its rd_kafka_topic_t. */
struct sink_topic {
    char *name;
    rd_kafka_topic_t *handle;          /* NULL after sink_topics_release */
    int32_t partitions;                /* that replies are spread over: 1 or more */
    int32_t learned;                   /* how many partitions the producer knows; 0: none yet */
    int64_t learned_ms;                /* when it last asked for them; CLOCK_MONOTONIC */
    uint32_t undelivered;              /* replies of the present transaction without a delivery report */
    uint32_t keyless;                  /* replies of the present transaction without a key */
    rd_kafka_resp_err_t failure;       /* of the present transaction, for a reason that may be Kafka's */
    bool is_proven, is_proven_keyless; /* from the last reply_topics_find */
    UT_hash_handle hh;
};

/* Open once the producer is there; free after it was destroyed. False when out of memory. */
MUST_CHECK bool sink_topics_open(struct sink *sink);
void sink_topics_free(struct sink *sink);

/* Releases the handles, before the producer is destroyed. */
void sink_topics_release(struct sink *sink);

void sink_default_learned(struct sink *sink, int32_t partitions);

/* The topic of this name, which exists and has `partitions` partitions. NULL after the reason was logged. */
MUST_CHECK struct sink_topic *sink_topic_named(struct sink *sink, struct span name, int32_t partitions);

/* The producer learns the partitions of the batch's reply topics that it does not know yet. Takes 500 ms at most for
 * each of up to four topics, or for all of more topics; no time if there is nothing new. */
void sink_topics_learn(struct sink *sink);

/* True if so many topics were named that this producer should be replaced. */
bool sink_topics_are_many(const struct sink *sink);

/* ---- sink_routes.c: where each reply goes ---- */

struct sink_route {
    struct sink_topic *topic;
    int32_t partition; /* that the command names, if the topic has it; -1: none */
};

/* Chooses the topic and partition of each item's reply, and notes in the item why its own choice was not possible.
 * Waits at most 100 ms for news of a missing topic, once a second; at most 3 s for the settings of topics that are new
 * or were not named lately; also waits as sink_topics_learn does. */
void sink_route_batch(struct sink *sink);

/* The key of the item's reply in its present form. No key: at == NULL. */
struct span sink_reply_key(const struct item *item);

/* An item's topic, how many partitions it has, and the partition that the command names, or -1. */
MUST_CHECK rd_kafka_topic_t *sink_route(const struct sink *sink, uint32_t index, int32_t *partitions,
                                        int32_t *partition);

/* Report what happens to a message of any kind. A topic that a command has named and that refuses a reply is suspended
 * for a while, so the batch succeeds when it is sent again. */
void sink_route_sent(rd_kafka_topic_t *handle, bool has_key);
void sink_route_failed(struct sink *sink, const rd_kafka_topic_t *handle, rd_kafka_resp_err_t code);
void sink_route_ended(struct sink *sink, const rd_kafka_message_t *message);

/* True if the batch waits for topics that commands have named, and these are gone or accept nothing while Kafka
 * answers. They are suspended, and the producer is unusable. */
bool sink_routes_are_stuck(struct sink *sink);

/* Reads a line of librdkafka's log, in any of its threads: only the log says which topic may not be written. */
void sink_routes_read_log(struct sink *sink, const char *facility, const char *text);

/* Call before the sink is closed. If a write was denied and the log has not named the topic, all topics that commands
 * of the batch have named are suspended. A named topic that failed is doubted, unless one of the program's own
 * topics failed, too: also a named topic without an answer when a connection was lost and the own topics took all their
 * messages. Reports that are on their way are awaited for it, for a second at most. If named topics made this try fail,
 * trials of other topics pause. */
void sink_routes_deny(struct sink *sink);

/* Maps an error of the transactional API to a result, by its three flags in the order of librdkafka's manual. Frees the
 * error. */
MUST_CHECK enum sink_result sink_classify(struct sink *sink, const char *event, rd_kafka_error_t *error);

#endif
