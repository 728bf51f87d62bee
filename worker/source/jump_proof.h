/* jump_proof: whether anything stands in the log between two commands that came one after the other. It asks for
 * readings of the log, one after the other, and judges the answers. Reads nothing itself.
 *
 * The command behind a jump, M, came with the offset `to`; the offsets from `from` on had no command. The broker finds
 * batches by their own ranges, which it assigns, so a reader that begins at an offset gets what really stands there or
 * comes next. If M's batch has wrong offsets, M stands somewhere before `to`. What it hides then stands behind M, at
 * offsets that nothing came from or that others of M's batch claim.
 *
 * 1. M is read at `to`, and the last command of its batch at that one's offset. Otherwise something else is there.
 * 2. M stands at `low` or behind it. That is `from`, or, in a long jump, the offset behind as many others as the log
 *    has there, those of transactions that were aborted included: each takes one place.
 * 3. At each offset between `low` and `to` the log goes on with M and its batch.
 * 4. Where the batch reaches into what is behind `to`, it goes on at each of its last offsets: M's batch has no fewer
 *    places than commands, so it may end that much before its last command's offset only.
 *
 * So the marker of a transaction, a jump of one offset, needs no more than the first step; an aborted transaction one
 * reading more, in which many batches come at once. Of more than JUMP_PROBES offsets in one of the last two steps as
 * many are read: the first one, behind which whatever M hides comes next unless M's batch is longer, and one anywhere
 * in each share of the others. */
#ifndef WORKER_SOURCE_JUMP_PROOF_H
#define WORKER_SOURCE_JUMP_PROOF_H

#include "worker/kafka/log_mark.h"
#include "worker/source/batch_reader.h"

#define JUMP_PROBES 8

struct jump_proof {
    int64_t from;
    struct log_mark to;
    struct log_mark last; /* the last command of M's batch */
    int64_t count;        /* of the batch's commands from `to` on */
    int64_t low;          /* M stands there or behind */
    int64_t seen;         /* the highest offset that the readings for `low` have met */
    int held;             /* how many of them, one after the other, have met nothing new */
    int64_t hint;         /* an offset inside the jump that another command came with; -1: none */
    int hints;            /* that were read */
    int64_t begin, end;   /* the offsets of the present step; equal: all are read */
    int probe;            /* the next one of them */
    uint64_t chance;
    enum { PROOF_TO, PROOF_LAST, PROOF_LOW, PROOF_BETWEEN, PROOF_TAIL, PROOF_HINT } step;
};

/* What is to be read next. */
struct jump_question {
    int64_t offset;
    bool is_wide;  /* by a reader of BATCH_READER_WIDE; otherwise of BATCH_READER_SINGLE */
    int64_t after; /* is_wide: batch_reader_count */
    int64_t before;
};

enum jump_answer {
    JUMP_GOES_ON, /* with the next question */
    JUMP_RIGHT,   /* nothing is hidden */
    JUMP_WRONG    /* the log has something else at the question's offset */
};

/* 0 <= from < to->offset. `chance` is random. A hint stays: before, `to` and `hint` must be set. */
void jump_proof_begin(struct jump_proof *proof, int64_t from, const struct log_mark *to, uint64_t chance);

MUST_CHECK struct jump_question jump_proof_question(struct jump_proof *proof);

/* The reading of the last question, without an error. */
MUST_CHECK enum jump_answer jump_proof_answer(struct jump_proof *proof, const struct batch_reading *reading);

/* As jump_proof_answer, where the last question cannot be answered but nothing else is known to be there. */
MUST_CHECK enum jump_answer jump_proof_pass(struct jump_proof *proof);

/* A command came with this offset. If it is inside the jump, it is looked for there, too. */
void jump_proof_hint(struct jump_proof *proof, int64_t offset);

#endif
