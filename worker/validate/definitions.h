/* definitions: a workspace's custom fields, compiled from the List Custom Fields response for quick look-up. */
#ifndef WORKER_VALIDATE_DEFINITIONS_H
#define WORKER_VALIDATE_DEFINITIONS_H

#include <stdint.h>

#include "common/key_table.h"
#include "common/must_check.h"
#include "common/phone.h"
#include "common/span.h"
#include "worker/model/batch.h"

#define FIELD_KEY_BYTES      255 /* longest key of a field or an option */
#define FIELDS_PER_WORKSPACE 2000
#define FAULTS_LISTED        1000 /* errors of a definition set; one more tells how many further ones there are */

/* What a field can require beyond its type; the contract's `rules`. */
struct rules {
    bool required, integer;
    bool has_min_length, has_max_length, has_minimum, has_maximum, has_min_selected, has_max_selected;
    bool has_countries, has_phone;
    uint32_t min_length, max_length; /* code points */
    double minimum, maximum;
    uint32_t min_selected, max_selected;
    uint32_t countries[26]; /* bit b of [a] set: the country 'A' + a, 'A' + b is allowed */
    enum phone_level phone;
};

struct field_type;

struct field {
    struct span key;
    struct span name;
    struct span label_token; /* the key as JSON string with its quotes and a colon, ready to be copied */
    const struct field_type *type;
    struct rules rules;
    uint32_t index;                   /* among the workspace's fields, in their order */
    const struct span *options;       /* keys of a multiSelect's options */
    const struct span *option_tokens; /* the same as JSON strings with quotes */
    uint32_t option_count;
    struct key_table option_table;
};

struct definitions {
    char version[HASH_LENGTH];  /* hash of the bytes they were compiled from */
    const struct field *fields; /* sorted by their `order`, then as listed */
    uint32_t count;
    const struct field *const *required; /* those that require a value, in the same order */
    uint32_t required_count;
    struct key_table table; /* of the fields' keys */
};

/* One error in a definition set, found by compiling it. */
struct definitions_fault {
    struct definitions_fault *next;
    char path[128]; /* JSON Pointer of its position; "" for the whole */
    char message[];
};

/* Compiles `json`, a List Custom Fields response or its bare array. New, to be freed with definitions_free; or NULL,
 * then *faults (if faults is not NULL) lists the first FAULTS_LISTED errors, in document order, to be freed
 * with definitions_faults_free. NULL without an error means out of memory. `json` is not needed afterwards. Entries
 * whose entityType is "company" are skipped. Unknown members are ignored, since the public API adds attributes; unknown
 * rules are errors, since a misspelt rule must not vanish. The command line and the daemon use this one reader, on
 * common/json.h, so the daemon accepts every file that lint accepts. The text limits its memory, and it reports the
 * position of an error. jansson differs in integers beyond 64 bits, in numbers beyond binary64 and in its depth limit.
 */
MUST_CHECK struct definitions *definitions_compile(struct span json, struct definitions_fault **faults);

/* The same for frequent callers: uses existing scratch memory, of which at least this much must be free. The scratch
 * is unchanged on return. */
MUST_CHECK struct definitions *definitions_compile_in(struct arena *scratch, struct span json,
                                                      struct definitions_fault **faults);
/* Worst case per byte of JSON: a spec and its slots for each "{},". */
#define DEFINITIONS_SCRATCH_BYTES(json_bytes) ((json_bytes)*128 + ((size_t)1 << 20))

void definitions_free(struct definitions *definitions);
void definitions_faults_free(struct definitions_fault *faults);

/* O(1), no allocation. NULL if no field has this key. */
const struct field *definitions_field(const struct definitions *definitions, struct span key);

/* Index of the option with this key, exact case, or -1. O(1). */
int field_option(const struct field *field, struct span key);

#endif
