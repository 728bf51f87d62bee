/* history_reader_internal: what the files of the history reader share. No other file includes it. */
#ifndef WORKER_REPLAY_HISTORY_READER_INTERNAL_H
#define WORKER_REPLAY_HISTORY_READER_INTERNAL_H

#include "worker/replay/history_client.h"
#include "worker/replay/history_jumps.h"
#include "worker/replay/history_queue.h"
#include "worker/replay/history_reader.h"
#include "worker/replay/unparsed_batch.h"
#include "worker/replay/unreadable_batch.h"

#define HISTORY_RETRY_MS 50

struct history_reader {
    struct history_client client;
    struct history_queue queue;
    char *topic;
    int wait_ms;

    enum reader_state {
        READER_IDLE,       /* nothing is assigned */
        READER_READING,    /* the partition is assigned */
        READER_ENDS,       /* the same, and librdkafka has found an end of the log before `to`: it must be looked at */
        READER_LOST,       /* the broker refused the offset: the log's edges must be looked at */
        READER_DAMAGED,    /* the partition must be assigned again at `next` */
        READER_UNREADABLE, /* the end of a batch that cannot be decompressed is searched */
        READER_UNPARSED,   /* the end of messages that librdkafka cannot parse is searched */
        READER_MISPLACED,  /* the end of a batch with wrong offsets is searched */
        READER_DISORDER    /* messages of a batch had one offset, or a wrong order: `disorder` must be reported */
    } state;               /* changed by take_event, history_places.c and history_holes.c */
    int32_t partition;
    int64_t next; /* everything before it was delivered, or is no message; beyond `to` where messages are rare */
    int64_t to;

    struct unreadable_batch unreadable;
    struct unparsed_batch unparsed;
    struct misnumbered_batch misnumbered;
    struct history_jumps jumps;
    struct {
        int64_t from, to;
    } disorder;       /* while that is the state: offsets that do not come */
    bool has_message; /* one came since the partition was assigned */
};

/* ---- history_reader.c ---- */

/* Reads the partition from `next` on. False with the reason in `error`. */
MUST_CHECK bool history_assign(struct history_reader *reader, char *error, size_t error_size);

/* Reads nothing. False with the reason in `error`. */
MUST_CHECK bool history_idle(struct history_reader *reader, char *error, size_t error_size);

/* HISTORY_PAUSE, or HISTORY_FAILED if Kafka has been silent for too long. */
MUST_CHECK enum history_reading history_pause(struct history_reader *reader, char *error, size_t error_size);

/* The same after something that failed. */
MUST_CHECK enum history_reading history_retry(struct history_reader *reader, char *error, size_t error_size);

/* ---- history_places.c: messages with wrong offsets ---- */

/* Is the message, which has not been taken, in its place as far as that can be told now? An offset beyond the range, or
 * the last one, would end the reading. */
MUST_CHECK enum history_places history_look_at_message(struct history_reader *reader,
                                                       const rd_kafka_message_t *message);

/* ---- history_holes.c: what a reading leaves out ---- */

/* Call when the queue is empty, or what is left of it does not count. */
MUST_CHECK enum history_reading history_go_on(struct history_reader *reader, struct history_hole *hole, char *error,
                                              size_t error_size);

#endif
