/* definitions_argument: a definition set in a file that an option names. */
#ifndef WORKER_COMMANDS_DEFINITIONS_ARGUMENT_H
#define WORKER_COMMANDS_DEFINITIONS_ARGUMENT_H

#include "common/must_check.h"
#include "worker/validate/definitions.h"

struct definitions_argument {
    char *bytes; /* owned */
    size_t length;
    struct definitions *definitions; /* owned */
};

/* Reads and compiles the file. Returns COMMAND_OK; or, after the reason was printed as that of the subcommand `name`,
 * COMMAND_CONFIGURATION if the definitions are not valid, otherwise COMMAND_UNAVAILABLE. Then there is nothing to free.
 */
MUST_CHECK int definitions_argument_read(struct definitions_argument *argument, const char *name, const char *path);
void definitions_argument_free(struct definitions_argument *argument);

#endif
