/* sizing_crowd: the clients of an installation that does not exist, by number: to which workspace each belongs, how the
 * workspace is called, and the command that creates the client. Everything follows from the numbers, so two programs
 * that are told the same crowd speak of the same clients.
 *
 * A workspace of a crowd that is not the example has a share of the clients by its number: workspaces 0 to i have the
 * share ((i + 1) / workspaces)^(1 / skew) of them. With a skew of 1 all are of a size; with 3 the first of a million
 * has 1 % of all clients. */
#ifndef TESTS_BENCH_SIZING_CROWD_H
#define TESTS_BENCH_SIZING_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/example.h"

struct sizing_crowd {
    int64_t clients, workspaces;
    double skew;         /* at least 1 */
    const char *example; /* not NULL: the commands of `load fill` with this run, one workspace after the other */
};

/* The workspace of a client, below crowd->workspaces. */
int64_t sizing_crowd_workspace(const struct sizing_crowd *crowd, int64_t client);

/* The part of all clients that a workspace has; they add up to 1. */
double sizing_crowd_share(const struct sizing_crowd *crowd, int64_t workspace);

/* Both write to `text`, which has room for EXAMPLE_BYTES, with a NUL, and return the length. */
size_t sizing_crowd_name(const struct sizing_crowd *crowd, char *text, int64_t workspace);
size_t sizing_crowd_command(const struct sizing_crowd *crowd, char *text, int64_t client);

#endif
