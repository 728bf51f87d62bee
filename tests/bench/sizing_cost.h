/* sizing_cost: what the daemon costs Redis' processor, from a few measured figures. A batch costs something by itself
 * (the fence, the confirmation, the checkpoints), something for each of its partitions, whose checkpoints hold an
 * offset of every partition of the record topic, and something for each command. */
#ifndef TESTS_BENCH_SIZING_COST_H
#define TESTS_BENCH_SIZING_COST_H

#include <stddef.h>

/* Microseconds of Redis' processor, as sizing_costs measures them. */
struct sizing_cost {
    double command;   /* a claim */
    double batch;     /* with any number of partitions */
    double partition; /* for each partition of the command topic that a batch has commands of */
    double offset;    /* for each of these, and each partition of the record topic */
    double script;    /* a claim by the script that a cluster needs */
    double call;      /* a call of that script: each slot of a batch needs one */
};

/* Those of docs/sizing.md. */
extern const struct sizing_cost sizing_cost_measured;

struct sizing_load {
    double rate;    /* commands a second, of all threads */
    double threads; /* of all instances */
    double partitions, record_partitions;
    double turn_ms;    /* the least time from one batch of a thread to the next one: a transaction of Kafka */
    double batch_most; /* batch.commands */
};

/* What follows for one thread. */
struct sizing_turn {
    double commands;   /* of a batch */
    double partitions; /* that they are of */
    double per_second; /* batches */
};
struct sizing_turn sizing_turn_of(const struct sizing_load *load);

/* The part of one processor that Redis needs for all threads. With `slots` above 0 by scripts, of which a batch needs
 * so many; then it is the sum over the masters of a cluster. */
double sizing_cost_share(const struct sizing_cost *cost, const struct sizing_load *load, double slots);

#endif
