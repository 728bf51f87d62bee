/* index_scripts: the scripts that Redis runs for the index, and the names that it gives them. */
#ifndef WORKER_INDEX_INDEX_SCRIPTS_H
#define WORKER_INDEX_INDEX_SCRIPTS_H

#include "worker/redis/redis_pipeline.h"

enum index_script {
    SCRIPT_DECISION,      /* fence.lua and decision_script.lua; see decision.h */
    SCRIPT_CONFIRM,       /* fence.lua and confirm_script.lua; see fence.h */
    SCRIPT_CHECKPOINT,    /* fence.lua and checkpoint_script.lua; see fence.h */
    SCRIPT_SETTLE,        /* fence.lua and settle_script.lua; see fence.h */
    SCRIPT_RELEASE,       /* fence.lua and release_script.lua; see shards_release.c */
    SCRIPT_CLAIMED,       /* claimed_script.lua; see shards_claim.c */
    SCRIPT_TERM,          /* term_script.lua; see term.h */
    SCRIPT_RESTORE_BEGIN, /* restore_begin_script.lua, and the others; see slot_restore.h */
    SCRIPT_RESTORE_WRITE,
    SCRIPT_RESTORE_END,
    INDEX_SCRIPTS
};

/* How a script is called. Redis knows its name once it was called by its text, or loaded, until it restarts. */
enum script_call { SCRIPT_BY_NAME, SCRIPT_BY_TEXT };

/* Writes the beginning of a call with this many keys and arguments, which must follow. */
void index_script_begin(struct redis_pipeline *pipeline, enum index_script script, enum script_call how, uint32_t keys,
                        uint32_t arguments);

/* What became of a call. */
enum script_end {
    SCRIPT_DONE,
    SCRIPT_STALE,    /* the fence is not ours: nothing was done */
    SCRIPT_DAMAGED,  /* a key of a client or an email holds something that the index never writes */
    SCRIPT_UNLOADED, /* Redis does not have the script: send all again with its text */
    SCRIPT_MOVED,    /* the slot is elsewhere, or is on its way (MOVED, ASK, TRYAGAIN, CLUSTERDOWN) */
    SCRIPT_FAILED    /* the connection failed, or Redis refused the call: the connection cannot be used any more */
};

/* Why a call was not carried out. The spans are in the arena. */
struct script_failure {
    struct span what; /* the fence's field; what is damaged; or the text of the error */
    struct span text; /* what the fence's field holds; of a field that is missing it is empty */
    uint32_t item;    /* of the batch, that met the damage */
};

/* What an error means that Redis answers. The keys that a script has found may be elsewhere, too. */
enum script_end index_script_end_of(const redisReply *error);

/* SCRIPT_DONE for an array of which the first element is a text, or for a text; else the end, with *failure filled,
 * also for an array that says STALE. */
enum script_end index_script_look(struct arena *arena, const redisReply *answer, struct script_failure *failure);

/* Reads the next answer of a script. New; NULL unless *end is SCRIPT_DONE, as index_script_look says. */
MUST_CHECK redisReply *index_script_answer(struct redis_pipeline *pipeline, enum script_end *end,
                                           struct script_failure *failure);

/* Fills *failure, and returns `end`. */
enum script_end script_fail(struct arena *arena, struct script_failure *failure, enum script_end end, struct span what,
                            struct span text);

/* The text at an index of an answer; at == NULL if there is none. */
struct span index_script_text_at(const redisReply *answer, size_t index);

/* The script's text and name, as EVAL and EVALSHA take them. */
struct span index_script_text(enum index_script script);
struct span index_script_name(enum index_script script);

#endif
