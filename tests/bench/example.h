/* example: the contract's example, numbered so that no two commands share an id or an email. */
#ifndef TESTS_BENCH_EXAMPLE_H
#define TESTS_BENCH_EXAMPLE_H

#include <stddef.h>
#include <stdint.h>

#define EXAMPLE_BYTES 1024 /* more than any command or workspace name takes */

/* The List Custom Fields response for which the example is valid. */
extern const char example_definitions[];

/* "load-3" for workspace 3. Returns the length. */
size_t example_workspace(char *text, int64_t workspace);

/* The command called `run`/`number`, some 600 bytes. Returns the length. */
size_t example_command(char *text, const char *run, int64_t number, int64_t workspace);

#endif
