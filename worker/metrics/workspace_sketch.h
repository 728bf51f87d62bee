/* workspace_sketch: counts the commands of each workspace of a partition in fixed memory, however many workspaces there
 * are. It is Space-Saving (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data
 * Streams, 2005): once all counters are in use, a new key takes over the smallest counter, with its count as its error.
 *
 * After N was counted in all: a counter is at least the true count of its key, and at most its error above it. An error
 * is at most N / SKETCH_COUNTERS. A key without a counter was counted at most that often, too. */
#ifndef WORKER_METRICS_WORKSPACE_SKETCH_H
#define WORKER_METRICS_WORKSPACE_SKETCH_H

#include <stdint.h>

#include "common/span.h"
#include "worker/model/batch.h"

#define SKETCH_COUNTERS 128
#define SKETCH_HEADS    256

struct sketch_key {
    int32_t partition;
    uint8_t length; /* 0: the command has no workspace that can be used */
    char workspace[WORKSPACE_ID_CHARACTERS];
};

struct workspace_sketch {
    uint64_t total; /* N */
    uint32_t used;
    uint32_t least;  /* no counter in use is below it */
    uint32_t cursor; /* where the search for the smallest goes on */
    uint32_t counts[SKETCH_COUNTERS];
    uint32_t errors[SKETCH_COUNTERS];
    uint64_t hashes[SKETCH_COUNTERS];
    struct sketch_key keys[SKETCH_COUNTERS];
    uint8_t next[SKETCH_COUNTERS]; /* in a chain of equal hashes: index + 1; 0 ends it */
    uint8_t heads[SKETCH_HEADS];   /* the same */
};

void workspace_sketch_clear(struct workspace_sketch *sketch);

/* Adds to the count of the key. A longer `workspace` is cut. */
void workspace_sketch_add(struct workspace_sketch *sketch, int32_t partition, struct span workspace, uint32_t amount);

#endif
