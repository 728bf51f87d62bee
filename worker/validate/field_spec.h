/* field_spec: the fields of a definition set as they are listed, checked one by one. Private to the files that
 * compile definitions. */
#ifndef WORKER_VALIDATE_FIELD_SPEC_H
#define WORKER_VALIDATE_FIELD_SPEC_H

#include "common/must_check.h"
#include "worker/validate/definitions_reader.h"

/* A field as it was read, not sorted yet. Its texts belong to the scratch. */
struct field_spec {
    struct span key, name;
    const struct field_type *type;
    struct rules rules;
    double order;
    uint32_t listed; /* position in the list */
    const struct span *options;
    uint32_t option_count;
};

struct field_specs {
    struct field_spec *items;
    uint32_t count;
};

/* Reads a List Custom Fields response into specs, which live as long as the reader's scratch. Errors are added to
 * the reader. False when out of memory. */
MUST_CHECK bool field_specs_read(struct definitions_reader *reader, struct span json, struct field_specs *specs);

#endif
