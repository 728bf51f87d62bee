/* evaluate: one command from bytes to reply, without a store: whatever is valid counts as created. Offline validation,
 * the tests' cases and the benchmark of the pure part go this way. */
#ifndef WORKER_VALIDATE_EVALUATE_H
#define WORKER_VALIDATE_EVALUATE_H

#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/validate/definitions.h"

struct evaluation {
    const struct config *config;
    const struct definitions *definitions; /* serve every workspace; NULL: none has any */
    bool definitions_broken;
    struct json_parser *parser; /* takes limits.command_bytes */
};

/* Decodes, checks and answers `item`, of which the source's part is filled; an item that is rejected already is only
 * answered. Afterwards it is OUTCOME_CREATED or OUTCOME_REJECTED and has its reply. Pure, no heap. */
void evaluate_item(const struct evaluation *evaluation, struct item *item, struct arena *arena);

#endif
