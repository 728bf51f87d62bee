/* command_dead_letters: shared by the actions of `client-intake dead-letters`; no other file includes it. */
#ifndef WORKER_COMMANDS_COMMAND_DEAD_LETTERS_H
#define WORKER_COMMANDS_COMMAND_DEAD_LETTERS_H

#include "worker/commands/command.h"
#include "worker/letters/letter_selection.h"

struct dead_letters_request {
    struct letter_selection selection;
    struct letter_place *places; /* in the order of the topic, each once */
    size_t place_count;
    bool json, group, raw, hex, apply, again;
    const char *value_path; /* NULL: not given */
    int64_t rate;           /* 0: not given */
};

/* One action. Returns the exit code. */
typedef int dead_letters_action(const struct dead_letters_request *request, const struct config *config);
dead_letters_action dead_letters_list, dead_letters_show, dead_letters_retry;

/* Prints "client-intake dead-letters: ERROR" on standard error. Returns COMMAND_UNAVAILABLE. */
int dead_letters_complain(const char *error);

#endif
