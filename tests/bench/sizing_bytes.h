/* sizing_bytes: what each client, workspace and partition of a crowd takes in Redis, without the table that all keys
 * share (sizing_memory.h). The clients are composed by the program's own code (sizing_drafts.h). */
#ifndef TESTS_BENCH_SIZING_BYTES_H
#define TESTS_BENCH_SIZING_BYTES_H

#include "tests/bench/sizing_crowd.h"
#include "tests/bench/sizing_memory.h"
#include "worker/config/config.h"

struct sizing_bytes {
    double client, email; /* the two keys of a client; means */
    double error;         /* the standard error of the mean of both; 0: all clients were composed */
    double definitions;   /* of a workspace; a mean */
    double partition;     /* its owner, its checkpoint, and how far it is claimed */
    double checkpoint;    /* the length of a checkpoint's text, which each batch writes */
};

/* Composes `sample` clients at most, evenly from all of them. */
struct sizing_bytes sizing_bytes_of(const struct config *config, const struct sizing_crowd *crowd,
                                    const struct sizing_layout *layout, int32_t partitions, int32_t record_partitions,
                                    int64_t sample);

#endif
