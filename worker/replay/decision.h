/* decision: decides one command of the history again, with the daemon's own stages, and compares the result with the
 * recorded reply. */
#ifndef WORKER_REPLAY_DECISION_H
#define WORKER_REPLAY_DECISION_H

#include "common/must_check.h"
#include "worker/replay/comparison.h"
#include "worker/replay/replay_definitions.h"

/* What all decisions of a replay share, and one thread's parser. */
struct decider {
    const struct config *config;
    struct replay_definitions *definitions;
    struct spill *spill;           /* of the recorded replies */
    const struct span *workspaces; /* only commands of these; NULL: of all */
    size_t workspace_count;
    struct json_parser *parser; /* takes what decision_parser_bytes says */
};

/* The longest text that a decider's parser gets: a command, or a recorded client. */
size_t decision_parser_bytes(const struct config *config);

enum decision_result {
    DECISION_MADE,   /* *comparison is set */
    DECISION_PASSED, /* the command is of another workspace */
    DECISION_FAILED  /* out of memory, or the spill cannot be read */
};

/* Decodes and checks the item, whose source part is filled. `reply`: the recorded one, or NULL. Everything in
 * *comparison is in the arena or static. */
MUST_CHECK enum decision_result decision_make(const struct decider *decider, struct item *item,
                                              const struct recorded_reply *reply, struct arena *arena,
                                              struct comparison *comparison);

#endif
