/* replay_judge: checks the output of `client-intake replay --output json` against the cases. */
#ifndef TESTS_LIVE_REPLAY_JUDGE_H
#define TESTS_LIVE_REPLAY_JUDGE_H

#include "tests/live/replay_verdict.h"

/* Counts, as the summary should have them. */
struct tally {
    size_t classes[CLASS_COUNT];
    json_t *then, *now; /* by code */
    json_t *workspaces; /* by workspace: {classes, codes {then, now}} */
    size_t lacking;     /* commands whose reply names a version that the topic has not */
};

/* Also sets the kind of each case. */
struct tally tally_take(struct cases *cases);
void tally_free(struct tally *tally);

struct judge {
    struct world *world;
    const struct scope *scope;
    struct cases *cases;
    const struct tally *tally; /* of them */
    bool has_diff;
    int status; /* the exit status of the replay; -1: not known */
    bool gaps_allowed;
};

/* Reports its violations. */
void judge_output(const struct judge *judge, const char *path);

/* Its parts. */
void judge_partition(const struct judge *judge, int partition, const json_t *line, const char *where);
void judge_summary(const struct judge *judge, const json_t *line);
void judge_status(const struct judge *judge);

#endif
