/* definitions_print: definitions and their faults on standard output, for people or as JSON. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_PRINT_H
#define WORKER_DEFINITIONS_DEFINITIONS_PRINT_H

#include "worker/definitions/json_line.h"
#include "worker/validate/definitions.h"

/* A line "PATH: place: message" for each; or {"file":PATH,"faults":[{"path":...,"message":...}]}. */
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
    PUT_OVERTAKEN  /* somebody else put another set after it, which Redis holds now */
};

void definitions_print_stored(const struct definitions_place *place, const struct definitions *definitions,
                              enum definitions_putting how, bool as_json);

/* What is to be told of a set without listing its fields. */
struct definitions_summary {
    char version[HASH_LENGTH];
    bool gone;       /* there is none: what a message without a value says */
    bool broken;     /* it cannot be used */
    uint32_t fields; /* of one that can */
};

/* `bytes` with at == NULL: none. */
struct definitions_summary definitions_summarize(struct span bytes);

/* "5", "broken" or "none", for a column. */
#define FIELDS_TEXT_SIZE 16
void definitions_fields_text(const struct definitions_summary *summary, char text[FIELDS_TEXT_SIZE]);

/* A line of JSON: the members of `row`, which is freed, and then the summary's: definitions, which is the version, with
 * fields or broken; or removed. */
void definitions_print_summary_json(json_t *row, const struct definitions_summary *summary);

/* The fields of a workspace for people, in their order; or the faults, if `bytes` are not sound. */
void definitions_print_table(const char *workspace, struct span bytes);

#endif
