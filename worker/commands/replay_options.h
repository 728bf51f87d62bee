/* replay_options: the options of client-intake replay. */
#ifndef WORKER_COMMANDS_REPLAY_OPTIONS_H
#define WORKER_COMMANDS_REPLAY_OPTIONS_H

#include "common/must_check.h"
#include "worker/commands/definitions_argument.h"
#include "worker/replay/replay_apply.h"

/* What is done with the history. */
enum replay_mode { MODE_DRY_RUN, MODE_APPLY, MODE_REBUILD };

/* The lists have room for one entry for each argument. */
struct replay_options {
    enum replay_mode mode;
    struct replay_bound from, to;
    int32_t *partitions;
    uint32_t partition_count;
    struct span *workspaces;
    size_t workspace_count;
    enum library_source source;
    struct replay_override *overrides;
    struct definitions_argument *files; /* of the overrides */
    size_t override_count;
    enum replay_output output;
    bool diff, allow_gaps;
    int64_t memory, threads;
    const char *name, *replies; /* NULL: not given */
    int64_t rate;               /* commands a second; 0: no limit */
    bool given[128];            /* by the option's letter */
};

/* The defaults, for so many arguments. False when out of memory. Close it in any case. */
MUST_CHECK bool replay_options_open(struct replay_options *options, int argc);
void replay_options_close(struct replay_options *options);

/* Reads the arguments, which must outlive the options. COMMAND_OK, or the exit code after the reason was printed. */
MUST_CHECK int replay_options_read(int argc, char **argv, struct replay_options *options);

/* Whether the options fit together: one that another mode does not know must not be ignored in silence. Returns as
 * replay_options_read. */
MUST_CHECK int replay_options_check(const struct replay_options *options);

#endif
