/* command: the subcommands, one row each in command.c, one file command_NAME.c each. They may use every other
 * folder.
 *
 * Before a subcommand sees its arguments, the common options (--config FILE, --set section.key=value, --help,
 * --version) are removed, the config is read and the log is set up. */
#ifndef WORKER_COMMANDS_COMMAND_H
#define WORKER_COMMANDS_COMMAND_H

#include "worker/config/config.h"

enum command_result {
    COMMAND_OK = 0,
    COMMAND_NEGATIVE = 1,       /* done, and the result is negative */
    COMMAND_FORCED = 2,         /* stopped before the work in hand was finished */
    COMMAND_INCOMPLETE = 3,     /* part of what was asked for could not be read */
    COMMAND_USAGE = 64,         /* EX_USAGE of sysexits.h */
    COMMAND_UNAVAILABLE = 69,   /* EX_UNAVAILABLE: a server cannot be reached */
    COMMAND_CONFIGURATION = 78, /* EX_CONFIG */
};

/* argv[0] is the subcommand's name, argv[argc] is NULL; the array may be permuted (getopt). Returns the exit code. */
typedef int command_function(int argc, char **argv, const struct config *config);

/* Sees the same arguments before the config is read, and may say where the errors of the config go, and which are none.
 * Returns COMMAND_OK, or the exit code. */
typedef int command_prepare(int argc, char **argv, struct config_sources *sources);

struct command {
    const char *name; /* NULL ends the table */
    command_function *run;
    command_prepare *prepare; /* NULL: errors of the config are printed on standard error */
    const char *arguments;    /* after the name in the usage line: its actions between |, options, other arguments */
    const char *summary;      /* one line, no full stop */
    const char *details;      /* further help: actions and options, one line each, and the meaning of the exit codes */
};

/* docs/gen reads the table for completion in shells. It understands the form of the texts: "  NAME  SUMMARY" is an
 * action, "  --NAME VALUE  SUMMARY" an option, whose VALUE is in capitals. */
extern const struct command commands[];

/* The help for the options of every command, in the form of `details`. */
extern const char command_common_options[];

command_function command_run, command_check, command_validate, command_topics, command_definitions, command_replay,
    command_send, command_dead_letters, command_demo;
command_prepare command_check_prepare;

/* The program: argv as main got it. Returns the exit code. */
int command_main(int argc, char **argv);

/* Reads a plain decimal number from `least` to `most`. False for any other text. */
MUST_CHECK bool command_number(const char *text, int64_t least, int64_t most, int64_t *number);

/* Reads the value of --output, text or json. Returns COMMAND_OK, or COMMAND_USAGE after the fault was printed as that
 * of the subcommand `name`. Rows of JSON are printed with worker/definitions/json_line; docs/operations.md has their
 * names. */
MUST_CHECK int command_output(const char *name, const char *text, bool *json);

/* Prints "client-intake NAME: message" and a pointer to the help. Returns COMMAND_USAGE. */
int command_usage(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
