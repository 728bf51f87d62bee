/* sink_parts: what the files of the sink share among themselves; nobody else includes it. */
#ifndef WORKER_SINK_PARTS_H
#define WORKER_SINK_PARTS_H

#include "worker/sink.h"

/* What a message is, kept in its opaque beside the item's index, so that a delivery report can be understood. */
enum message_kind { MESSAGE_REPLY, MESSAGE_RECORD, MESSAGE_DEAD_LETTER };

enum sink_step { STEP_IDLE, STEP_SENDING, STEP_SENT, STEP_OFFSETS_SENT, STEP_ABORTING };

struct sink {
    rd_kafka_t *producer;
    const struct config *config;
    struct batch *batch;
    bool transactional;
    bool single;      /* every message travels alone */
    bool oversized;   /* a message was refused for its size, in company, since sink_send */
    bool has_refused; /* a message was refused for its size, and it is known which */
    bool has_refused_client;
    bool knows_sizes;  /* messages are not compressed, so of two the longer one is the larger one to the broker */
    bool initialized;  /* its transactional id is ours */
    bool prepared;     /* and the output topics are known */
    bool commit_tried; /* of the present transaction */
    bool suspect;
    bool disturbed; /* a connection broke, a request timed out, or an arrival is a mere guess, since sink_send */
    enum sink_step step;
    uint32_t next;              /* message that was not handed over yet; an item has two, its reply is the second */
    struct size_limits *limits; /* borrowed: of the reply and record topics */
    rd_kafka_topic_t *replies, *records, *dead_letters;
    rd_kafka_topic_t **allowed; /* by index in config->replies.allowed */
    int32_t *partitions;        /* of replies, then of each allowed topic; 0: not known */
    uint32_t undelivered;       /* handed over, no report yet */
    uint32_t failed;            /* messages that were refused or did not arrive, since sink_send */
    struct offsets record_ends;
    bool inherited;          /* the fault began with an earlier producer: only a commit ends it */
    struct log_fault *fault; /* borrowed: it may outlast many producers */
};

/* The monotonic clock. */
int64_t sink_now_ms(void);

/* The message is too large by itself: the next one in its place will be smaller, or none. */
void sink_refuse(struct sink *sink, struct item *item, enum message_kind kind);

/* Hands one of the two messages that an item gives to librdkafka, if it gives it: what stands beside the reply (a
 * record or a dead letter), or the reply. RD_KAFKA_RESP_ERR__QUEUE_FULL: nothing has happened, try again later. One
 * that is too large for librdkafka itself is refused and counted as failed, which is no error. */
rd_kafka_resp_err_t sink_send_companion(struct sink *sink, uint32_t index, struct arena *scratch);
rd_kafka_resp_err_t sink_send_reply(struct sink *sink, uint32_t index, struct arena *scratch);

/* Makes the reply small enough for what is known of its topic. May put a reply into the batch's arena. */
void sink_fit_reply(struct sink *sink, uint32_t index);

/* Judges an error of the transactional API by its three marks, in the order that librdkafka's manual gives. Frees it.
 */
enum sink_result sink_judge(struct sink *sink, const char *event, rd_kafka_error_t *error);

#endif
