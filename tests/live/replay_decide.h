/* replay_decide: what `client-intake validate` decides about commands under given definitions. All questions are asked
 * first; then each set of definitions is run once, over all its commands. */
#ifndef TESTS_LIVE_REPLAY_DECIDE_H
#define TESTS_LIVE_REPLAY_DECIDE_H

#include "tests/live/replay_command.h"

struct decider;

/* `config` may be NULL. Files go into `folder`. */
struct decider *decider_new(const char *program, const char *config, const char *folder);
void decider_free(struct decider *decider);

/* The number of the set with these bytes; at == NULL: no definitions. */
unsigned decider_set(struct decider *decider, struct text definitions);

/* The ticket for the answer. The command may be gone when it is looked at. */
size_t decider_ask(struct decider *decider, unsigned set, const struct command *command);

void decider_run(struct decider *decider);

/* "created" or the error's code, in *code; returns the reply of `validate`, new, or NULL if it was not asked. */
json_t *decider_answer(const struct decider *decider, unsigned set, size_t ticket, const char **code);

#endif
