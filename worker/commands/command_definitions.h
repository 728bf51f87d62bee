/* command_definitions: shared by the actions of `client-intake definitions`; no other file includes it. */
#ifndef WORKER_COMMANDS_COMMAND_DEFINITIONS_H
#define WORKER_COMMANDS_COMMAND_DEFINITIONS_H

#include "common/must_check.h"
#include "worker/commands/command.h"
#include "worker/validate/definitions.h"

/* An option list to be put under a field: --options KEY=FILE. */
struct options_source {
    const char *argument; /* "KEY=FILE" */
    struct options_source *next;
};

struct definitions_request {
    const char *workspace, *path;         /* NULL: not given */
    const struct options_source *options; /* in command-line order */
    bool json;
};

/* One action. Returns the exit code. */
typedef int definitions_action(const struct definitions_request *request, const struct config *config);
definitions_action definitions_put, definitions_get, definitions_lint, definitions_list, definitions_history_of,
    definitions_sync_all;

/* Prints "client-intake definitions: SUBJECT: ERROR" on standard error. Returns `result`. */
int definitions_complain(int result, const char *subject, const char *error);

/* A valid definition set that was read from files. */
struct definitions_file {
    char *bytes; /* owned */
    size_t length;
    struct definitions *definitions; /* owned */
};

/* Reads request->path, inserts the options, and compiles it. Returns COMMAND_OK; or COMMAND_NEGATIVE after the faults
 * were printed, COMMAND_UNAVAILABLE if a file cannot be read: then there is nothing to close. */
MUST_CHECK int definitions_file_open(struct definitions_file *file, const struct definitions_request *request);
void definitions_file_close(struct definitions_file *file);

#endif
