/* checkpoint: how far a partition of the command topic was committed when everything before that was in Redis, and what
 * follows from a checkpoint that survived. It does no I/O.
 *
 * Its text is "NEXT,HIGHEST,NONCE,TIME " and the offsets of the record topic before which every record is in Redis; the
 * nonce stands there only if it is known, and the time only behind a nonce, since earlier versions had neither.
 * index_audit.h tells what it proves. */
#ifndef WORKER_INDEX_CHECKPOINT_H
#define WORKER_INDEX_CHECKPOINT_H

#include "common/must_check.h"
#include "worker/kafka/offsets.h"

/* The committed progress in a partition of the command topic. */
struct checkpoint {
    int64_t next;    /* offset after the last committed command */
    int64_t highest; /* the highest that this ever was: the group's offsets may be set back */
    int64_t nonce;   /* of the commit (log_mark.h); OFFSET_NONE: not known */
    int64_t time_ms; /* when the record topic's offsets were that far, by the wall clock; OFFSET_NONE: not known */
};

#define CHECKPOINT_NONE ((struct checkpoint){OFFSET_NONE, OFFSET_NONE, OFFSET_NONE, OFFSET_NONE})

/* The most bytes of the text before the record topic's offsets, with the space. */
#define CHECKPOINT_HEAD_BYTES 96

/* The caller owns *record_ends. False if the text is not a checkpoint. */
MUST_CHECK bool checkpoint_parse(struct span text, struct checkpoint *checkpoint, struct offsets *record_ends);

/* The checkpoint in the text's first CHECKPOINT_HEAD_BYTES, whatever stands behind them. CHECKPOINT_NONE if there is
 * none. */
struct checkpoint checkpoint_head(struct span text);

/* Writes the text before the offsets, with the space. The result points into `head`. */
struct span checkpoint_write_head(const struct checkpoint *checkpoint, char head[CHECKPOINT_HEAD_BYTES]);

/* What the group says of the partition. */
struct group_progress {
    int64_t committed, nonce; /* OFFSET_NONE: no offset; not known */
    bool is_repeated;         /* it was asked a second time, after a checkpoint was ahead of its first answer */
    int64_t ahead_before;     /* the checkpoint that was ahead of the first answer; OFFSET_NONE: none was */
};

/* What follows from a checkpoint, or from CHECKPOINT_NONE where there is none. All false: nothing is missing. */
struct checkpoint_finding {
    bool is_behind; /* what was written to the record topic since the checkpoint may be missing */
    bool
        is_ahead; /* it is beyond what the group has committed; at the first answer a worker may have committed since */
    bool offset_is_gone; /* it is, and the group has no offset */
    bool offset_is_set;  /* the group's offset is beyond it, by no commit of a worker */
};
struct checkpoint_finding checkpoint_compare(const struct checkpoint *checkpoint, const struct group_progress *group);

#endif
