/* sizing_spread: which master of a cluster has how many clients of a crowd. A workspace is in the slot of its name, by
 * Redis' own CRC16; each master has the same number of slots in a row, as redis-cli gives them. */
#ifndef TESTS_BENCH_SIZING_SPREAD_H
#define TESTS_BENCH_SIZING_SPREAD_H

#include "tests/bench/sizing_crowd.h"
#include "worker/redis/redis_slot.h"

struct sizing_spread {
    int masters;
    double slots[REDIS_SLOTS]; /* the part of the clients that a slot has */
    double *clients;           /* of each master */
    double *workspaces;        /* of each master */
    double largest;            /* the greatest part of the clients that one workspace has */
};

/* The master of a slot. */
int sizing_spread_master(const struct sizing_spread *spread, unsigned slot);

/* `exact` counts the clients one by one; otherwise their shares are multiplied. Ends the program if out of memory. */
void sizing_spread_open(struct sizing_spread *spread, const struct sizing_crowd *crowd, int masters, bool exact);
void sizing_spread_close(struct sizing_spread *spread);

/* In how many slots a batch of so many commands falls, on average. */
double sizing_spread_slots(const struct sizing_spread *spread, double commands);

#endif
