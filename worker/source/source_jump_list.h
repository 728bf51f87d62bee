/* source_jump_list: the jumps (source_jumps.c) that are not settled. Only source_jumps.c and source_jump_list.c include
 * it. */
#ifndef WORKER_SOURCE_SOURCE_JUMP_LIST_H
#define WORKER_SOURCE_SOURCE_JUMP_LIST_H

#include "worker/kafka/log_mark.h"
#include "worker/source/jump_proof.h"
#include "worker/source/source.h"

struct jump {
    int32_t partition;
    int64_t from;       /* the offset behind the command before; -1: it is the first one since the assignment */
    struct log_mark to; /* the command behind the jump */
    struct jump_proof proof;
    struct jump_question question; /* JUMP_READ */
    enum {
        JUMP_NEW, /* the proof has not begun */
        JUMP_DUE, /* its next question is to be read */
        JUMP_READ /* and is being read */
    } state;
    bool is_late;     /* noted since a command came into it, which its end may have overtaken */
    int64_t noted_ms; /* when it was noted, or became the first one of its partition */
    int64_t began_ms; /* when the reading began; JUMP_NEW, JUMP_DUE: not before then */
};

struct jumps {
    struct jump *list; /* of all partitions, in order of arrival; those of one partition by their offsets */
    uint32_t count, capacity;
    int64_t asked_ms;  /* when an end was last asked for */
    int64_t looked_ms; /* when it was last examined whether something can be parsed */
};

/* The jump at this index of the list is settled: it leaves the list, and the next one of its partition is noted in its
 * place.
 */
void source_drop_jump(struct source *source, uint32_t index);

#endif
