/* replay_plan: a history of commands and definitions for the tests of replay. What a command is follows from its index
 * alone. The definitions change with each epoch; the last workspace never has any. */
#ifndef TESTS_LIVE_REPLAY_PLAN_H
#define TESTS_LIVE_REPLAY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_EPOCHS 11 /* ten changes */
#define PLAN_BYTES  4096
#define PLAN_START  1767225600000 /* 2026-01-01T00:00:00Z, in ms */
#define PLAN_STEP   250           /* ms between two commands */

/* ROW(kind, how many of a thousand) */
#define PLAN_TABLE(ROW)                                                                                                \
    ROW(PLAIN, 540)      /* may be valid under some definitions and not under others */                                \
    ROW(DUPLICATE, 50)   /* of the latest plain command of its workspace, if that created a client */                  \
    ROW(CONFLICT, 20)    /* another body under the id of that one */                                                   \
    ROW(EMAIL_TAKEN, 40) /* the email of that one */                                                                   \
    ROW(BAD, 40)         /* not valid under any definitions */                                                         \
    ROW(IDS_IN_HEADERS, 15)                                                                                            \
    ROW(WORKSPACE_IS_KEY, 15)                                                                                          \
    ROW(WITHOUT_ID, 15)                                                                                                \
    ROW(WITHOUT_WORKSPACE, 5)                                                                                          \
    ROW(CLOUDEVENT, 15)                                                                                                \
    ROW(OTHER_TYPE, 5)                                                                                                 \
    ROW(GARBAGE, 10)                                                                                                   \
    ROW(TOMBSTONE, 4)                                                                                                  \
    ROW(BLANK, 3)                                                                                                      \
    ROW(NOT_UTF_8, 3)                                                                                                  \
    ROW(NO_REPLY, 20)         /* a plain command; the rest differ in what its recorded reply is */                     \
    ROW(LACKING_VERSION, 15)  /* the reply names definitions that the topic has not */                                 \
    ROW(NAMES_NO_VERSION, 15) /* the reply names none */                                                               \
    ROW(MINIMAL, 20)          /* without list of errors, if it is a rejection */                                       \
    ROW(OTHER_OUTCOME, 40)    /* another value, other errors, or rejected and created exchanged */                     \
    ROW(TWO_REPLIES, 30)      /* the one that counts in another topic or partition */                                  \
    ROW(ELSEWHERE, 25)        /* in another topic */                                                                   \
    ROW(LATE, 15)             /* behind all others */                                                                  \
    ROW(OTHER_SOURCE, 10)     /* before it one to a command of another topic */                                        \
    ROW(FOREIGN, 10)          /* before it messages that are no replies */                                             \
    ROW(ABORTED_REPLY, 10)    /* another reply in an aborted transaction before it */                                  \
    ROW(ABORTED, 10)          /* a command in an aborted transaction */

enum plan_kind {
#define PLAN_ROW(kind, share) PLAN_##kind,
    PLAN_TABLE(PLAN_ROW)
#undef PLAN_ROW
        PLAN_KINDS
};

struct plan {
    uint64_t count, seed;
    unsigned workspaces, partitions;
    bool is_clean; /* only commands that are plain and whose replies are as the daemon would write them */
};

struct planned {
    enum plan_kind kind;
    unsigned epoch, workspace;
    int32_t partition;
    int64_t ts;
    uint64_t earlier; /* the command that this one refers to */
    char id[64], workspace_name[32];
    char value[PLAN_BYTES]; /* of the message */
    char line[PLAN_BYTES]; /* the same for `validate`, without custom fields where there are no definitions for them; ""
                            * if there is nothing to ask */
    size_t value_length;
    bool is_null;
    bool has_key, ids_are_headers;
    bool gives_fields;
};

void plan_command(const struct plan *plan, uint64_t index, struct planned *planned);

/* The first command of an epoch. */
uint64_t plan_epoch_begin(const struct plan *plan, unsigned epoch);

/* The definitions of an epoch, the same for every workspace but the last; NULL: none. */
const char *plan_definitions(const struct plan *plan, unsigned epoch);
/* False: they are none, or broken, which a clean plan has not. */
bool plan_definitions_are_usable(const struct plan *plan, unsigned epoch);

bool plan_is_bare(const struct plan *plan, unsigned workspace);

#endif
