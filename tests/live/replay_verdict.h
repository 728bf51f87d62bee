/* replay_verdict: the class of each replayed command, from the topics and from what `client-intake validate` decides.
 */
#ifndef TESTS_LIVE_REPLAY_VERDICT_H
#define TESTS_LIVE_REPLAY_VERDICT_H

#include "tests/live/replay_decide.h"

enum replay_class { SAME, VALUE_CHANGED, NOW_REJECTED, NOW_VALID, ERRORS_CHANGED, UNKNOWN, CLASS_COUNT };
extern const char *const class_names[CLASS_COUNT];

struct bound {
    enum { EDGE, AT_OFFSET, AT_TIME } kind; /* EDGE: the beginning or the end */
    int64_t value;
};

struct scope {
    struct bound from, to;
    bool partitions[WORLD_PARTITIONS]; /* those that are replayed, */
    bool all_partitions;               /* or all */
    const char *workspaces[64];
    unsigned workspace_count; /* 0: all */
    bool is_current;          /* the definitions in Redis, otherwise the recorded ones */
    struct {
        const char *workspace;
        struct text definitions;
    } replaced[64];
    unsigned replaced_count;
};

/* The offsets of a partition that are replayed; empty if from >= to. */
struct stretch {
    int64_t from, to;
    int64_t lost, open; /* offsets that were asked for, and cannot be read */
};
struct stretch scope_stretch(const struct scope *scope, const struct world *world, int partition);

/* One replayed command. */
struct case_of_replay {
    const struct sent *sent;
    const char *id, *workspace, *header_id, *header_workspace;
    const struct answered *reply;         /* or NULL */
    bool is_duplicate;                    /* the reply says so; then_set are the recorded definitions */
    bool now_is_lacking, then_is_lacking; /* the topic has not the version that the reply names */
    unsigned now_set, then_set;
    size_t now_ticket, then_ticket;
    enum replay_class kind; /* set by tally_take */
};

struct verdict {
    enum replay_class kind;
    const char *then, *now;         /* "created", "duplicate" or a code; NULL: none; of SAME both are one */
    bool is_unreadable;             /* only the headers tell who the command is */
    json_t *then_reply, *now_reply; /* the recorded one and that of `validate`; NULL: none */
};

struct cases {
    struct case_of_replay *items; /* in the order of their places */
    size_t count;
    struct decider *decider;
};

/* Finds all commands of the scope and has them decided. */
struct cases cases_find(struct world *world, const struct scope *scope, struct decider *decider);

struct verdict case_verdict(const struct cases *cases, const struct case_of_replay *item);
void verdict_free(struct verdict *verdict);

/* Who the command is: of what cannot be read only the headers count. */
const char *verdict_id(const struct case_of_replay *item, const struct verdict *verdict);
const char *verdict_workspace(const struct case_of_replay *item, const struct verdict *verdict);

#endif
