/* comparison: the recorded reply of a command beside the present decision. */
#ifndef WORKER_REPLAY_COMPARISON_H
#define WORKER_REPLAY_COMPARISON_H

#include "common/must_check.h"
#include "worker/replay/json_difference.h"
#include "worker/replay/outcome.h"
#include "worker/replay/recorded_replies.h"

/* ROW(name, text in reports, what it was then and is now) */
#define CLASS_TABLE(ROW)                                                                                               \
    ROW(SAME, "same", "the same outcome")                                                                              \
    ROW(VALUE_CHANGED, "value_changed", "accepted then and now, with other values")                                    \
    ROW(NOW_REJECTED, "now_rejected", "accepted then, rejected now")                                                   \
    ROW(NOW_VALID, "now_valid", "rejected then, valid now")                                                            \
    ROW(ERRORS_CHANGED, "errors_changed", "rejected then and now, for other reasons")                                  \
    ROW(UNKNOWN, "unknown", "no reply, or definitions that the topic lacks")

enum replay_class {
#define CLASS_ROW(name, text, meaning) CLASS_##name,
    CLASS_TABLE(CLASS_ROW)
#undef CLASS_ROW
        CLASSES
};

const char *replay_class_text(enum replay_class class);
const char *replay_class_meaning(enum replay_class class);

/* What a report counts and shows of a decision: an index from 0 to VERDICTS - 1. */
enum verdict {
    VERDICT_NONE, /* no reply, or not decided again */
    VERDICT_CREATED,
    VERDICT_DUPLICATE,
    VERDICT_REJECTED, /* + an enum error of the scope of commands, which come first in their table */
    VERDICTS = VERDICT_REJECTED + ERROR_COMMAND_ID_CONFLICT + 1
};

/* "created", "duplicate" or the error's code; "" for VERDICT_NONE. Static. */
const char *verdict_text(uint32_t verdict);
uint32_t verdict_of_reply(const struct recorded_reply *reply); /* NULL: VERDICT_NONE */
uint32_t verdict_of_item(const struct item *item);

struct comparison {
    enum replay_class class;
    bool is_lacking;                 /* CLASS_UNKNOWN since the topic lacks the definitions */
    uint32_t then, now;              /* enum verdict; `now` is `then` if the class is CLASS_SAME */
    struct json_difference *changes; /* of a command that is not the same: values within the client, or codes as JSON
                                      * strings at the paths of errors */
};

/* Compares an evaluated item, which is OUTCOME_CREATED or OUTCOME_REJECTED, with its reply, which does not depend on
 * other commands (it is not a duplicate, a command_id_conflict or an email_taken). The reply's content is read from the
 * spill only if the digests differ. False if it cannot be read or parsed. */
MUST_CHECK bool comparison_make(const struct recorded_reply *reply, struct spill *spill, const struct item *item,
                                struct json_parser *parser, struct arena *arena, struct comparison *comparison);

/* True if the item's client has the digest of the recorded content. */
bool comparison_is_same_client(const struct recorded_reply *reply, const struct item *item);

/* The changes from the errors of the one side to those of the other, as error_pairs_write writes them; a side without
 * errors is `[]`. False if one cannot be parsed. */
MUST_CHECK bool error_changes(struct span then, struct span now, struct json_parser *parser, struct arena *arena,
                              struct json_difference **changes);

#endif
