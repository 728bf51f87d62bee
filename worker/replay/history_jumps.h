/* history_jumps: offsets of a partition without a message, and the message behind them. Most are markers of
 * transactions, messages of a transaction that was aborted, or what compaction has removed. Or the message behind them
 * has a wrong offset: if it is the last one of a fetch, librdkafka goes on from there, and nothing else tells that
 * others were jumped over. So its batch is read once more (misnumbered_batch.h).
 *
 * To read a batch takes some milliseconds, and a producer whose transactions have one message each leaves as many jumps
 * as messages. So of every JUMPS_WINDOW jumps the first JUMPS_VERIFIED are verified; the others are taken as they
 * are, unless a message in a wrong order gives cause to doubt them. */
#ifndef WORKER_REPLAY_HISTORY_JUMPS_H
#define WORKER_REPLAY_HISTORY_JUMPS_H

#include "worker/replay/misnumbered_batch.h"

#define JUMPS_WINDOW   8192
#define JUMPS_VERIFIED 16
#define JUMPS_KEPT     512 /* the last ones, in case of doubt */

struct jump {
    int64_t from;
    struct log_mark to; /* the message behind them */
    enum {
        JUMP_DUE, /* it must be verified */
        JUMP_VERIFIED,
        JUMP_TAKEN /* as it is, since there are many */
    } state;
};

struct history_jumps {
    struct jump list[JUMPS_KEPT]; /* in their order */
    uint32_t count;
    uint32_t due;   /* of them */
    uint32_t noted; /* in this window */
};

/* Forgets all: another place is read. */
void history_jumps_forget(struct history_jumps *jumps);

/* The message is behind a jump that begins at `from`. True if the jumps that are due must be verified now. */
MUST_CHECK bool history_jumps_note(struct history_jumps *jumps, int64_t from, const rd_kafka_message_t *message);

/* The message that was noted last comes again. */
void history_jumps_take_back(struct history_jumps *jumps);

/* What came last may end the reading: the last jump becomes due, unless it is verified. */
void history_jumps_doubt_last(struct history_jumps *jumps);

/* A message with this offset came behind a later one. The jump over it becomes due, with those behind it. Returns it,
 * or NULL if there is none. */
const struct jump *history_jumps_doubt(struct history_jumps *jumps, int64_t offset);

/* Verifies the jumps that are due. MESSAGE_MISPLACED: *from is where the first wrong one begins. MESSAGE_UNKNOWN: Kafka
 * gave no answer. */
MUST_CHECK enum message_place history_jumps_verify(struct history_jumps *jumps, struct misnumbered_batch *log,
                                                   int32_t partition, int64_t *from);

#endif
