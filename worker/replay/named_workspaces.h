/* named_workspaces: which workspaces of the options --workspace and --definitions occur among the commands. A name that
 * is misspelt would select nothing, or change nothing, and the report would not tell. */
#ifndef WORKER_REPLAY_NAMED_WORKSPACES_H
#define WORKER_REPLAY_NAMED_WORKSPACES_H

#include "worker/replay/dry_run.h"

struct named_workspaces {
    const struct replay_selection *selection;
    const struct replay_definitions_request *definitions;
    bool *occurs; /* the selected workspaces, and then the overridden ones */
};

/* False when out of memory. The selection and the request must outlive it. */
MUST_CHECK bool named_workspaces_open(struct named_workspaces *named, const struct replay_selection *selection,
                                      const struct replay_definitions_request *definitions);
void named_workspaces_close(struct named_workspaces *named);

/* A command of this workspace is decided; at == NULL, or empty: it has none. */
void named_workspaces_note(struct named_workspaces *named, struct span workspace);

/* Logs a warning for each one that did not occur. */
void named_workspaces_warn(const struct named_workspaces *named);

#endif
