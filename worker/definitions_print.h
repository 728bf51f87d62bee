/* definitions_print: definitions and their faults on standard output, for people or as JSON. */
#ifndef WORKER_DEFINITIONS_PRINT_H
#define WORKER_DEFINITIONS_PRINT_H

#include "worker/definitions.h"

/* A line "PATH: place: message" for each; or {"file":PATH,"faults":[{"path":...,"message":...}]}. */
void definitions_print_faults(const char *path, const struct definitions_fault *faults, bool as_json);

/* Where a set of definitions was stored. */
struct definitions_place {
    const char *workspace, *topic;
    int32_t partition;
    int64_t offset;
};

void definitions_print_stored(const struct definitions_place *place, const struct definitions *definitions,
                              bool as_json);

/* The fields of a workspace for people, in their order; or the faults, if `bytes` are not sound. */
void definitions_print_table(const char *workspace, struct span bytes);

#endif
