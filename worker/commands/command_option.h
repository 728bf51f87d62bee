/* command_option: reads the options of a subcommand, and says by its name which one is wrong. */
#ifndef WORKER_COMMANDS_COMMAND_OPTION_H
#define WORKER_COMMANDS_COMMAND_OPTION_H

#include <getopt.h>

#include "common/must_check.h"

/* What command_option returns besides an option's `val`. */
#define COMMAND_OPTION_END   (-1)
#define COMMAND_OPTION_WRONG '?'

/* Begins with the first option. */
void command_options_begin(void);

/* The `val` of the next option, with optarg and optind as getopt_long sets them; argv is permuted. COMMAND_OPTION_END
 * after the last. COMMAND_OPTION_WRONG after the fault was printed as one of usage: an option that is not known, lacks
 * its value, or takes none. `short_options` as for getopt, "" if there are none. `known` ends with an empty row. */
MUST_CHECK int command_option(int argc, char **argv, const char *short_options, const struct option *known);

#endif
