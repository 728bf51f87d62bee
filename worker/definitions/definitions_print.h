/* definitions_print: definitions and their faults on standard output, for people or as JSON. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_PRINT_H
#define WORKER_DEFINITIONS_DEFINITIONS_PRINT_H

#include "worker/definitions/json_line.h"
#include "worker/validate/definitions.h"

/* A line "PATH: position: message" for each; or {"file":PATH,"faults":[{"path":...,"message":...}]}. */
void definitions_print_faults(const char *path, const struct definitions_fault *faults, bool as_json);

/* Where a set of definitions was stored. */
struct definitions_place {
    const char *workspace, *topic;
    int32_t partition;
    int64_t offset;
};

enum definitions_putting {
    PUT_STORED,
    PUT_UNCHANGED, /* the topic and Redis had it already */
    PUT_OVERTAKEN  /* another writer put another set after it, and Redis holds that one now */
};

void definitions_print_stored(const struct definitions_place *place, const struct definitions *definitions,
                              enum definitions_putting how, bool as_json);

/* The properties of a set without its fields. */
struct definitions_summary {
    char version[HASH_LENGTH];
    bool gone;       /* there is none: the message has no value */
    bool broken;     /* it cannot be used */
    uint32_t fields; /* of one that can be used */
};

/* `bytes` with at == NULL: none. */
struct definitions_summary definitions_summarize(struct span bytes);

/* "5", "broken" or "none", for a column. */
#define FIELDS_TEXT_SIZE 16
void definitions_fields_text(const struct definitions_summary *summary, char text[FIELDS_TEXT_SIZE]);

/* A line of JSON: the members of `row`, which is freed, and then the summary: definitions (the version) with fields or
 * broken; or removed. */
void definitions_print_summary_json(json_t *row, const struct definitions_summary *summary);

/* The fields of a workspace for people, in order; or the faults, if `bytes` are not valid. */
void definitions_print_table(const char *workspace, struct span bytes);

#endif
