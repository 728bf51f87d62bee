/* evaluate: one command from bytes to reply, without an index: every valid command counts as created. Used by
 * offline validation, the case tests and the benchmark of the pure part. */
#ifndef WORKER_VALIDATE_EVALUATE_H
#define WORKER_VALIDATE_EVALUATE_H

#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/validate/definitions.h"

struct evaluation {
    const struct config *config;
    const struct definitions *definitions; /* used for every workspace; NULL: none has any */
    bool definitions_broken;
    struct json_parser *parser; /* takes limits.command_bytes */
};

/* Decodes, checks and replies to `item`, whose source part is filled; an item that is rejected already only gets its
 * reply. Afterwards it is OUTCOME_CREATED or OUTCOME_REJECTED and has its reply. Pure, no heap. */
void evaluate_item(const struct evaluation *evaluation, struct item *item, struct arena *arena);

#endif
