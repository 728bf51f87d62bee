/* help_text: what the help of a command says of its actions and options. worker/commands/command.h describes its form.
 */
#ifndef DOCS_GEN_HELP_TEXT_H
#define DOCS_GEN_HELP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/commands/command.h"

/* An option, or an action of a command. The texts belong to the table of commands; they do not end with a NUL. */
struct help_entry {
    const char *name; /* an option's with its dashes */
    int name_length;
    const char *value; /* of an option: its placeholder, such as FILE */
    int value_length;  /* 0: it takes no value */
    const char *summary;
    int summary_length; /* 0: it has no line of its own */
};

#define HELP_ENTRIES 40

struct help_list {
    struct help_entry entries[HELP_ENTRIES];
    size_t count;
};

/* The options in `arguments` and `details`, each once. */
void help_options(const char *arguments, const char *details, struct help_list *list);

/* The actions of a command, such as `put` of `definitions`; none for most commands. */
void help_actions(const struct command *command, struct help_list *list);

/* Whether the command, or this action of it (NULL: none), takes a file that is not the value of an option. */
bool help_takes_file(const struct command *command, const struct help_entry *action);

#endif
