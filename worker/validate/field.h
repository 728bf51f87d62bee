/* field: the types of custom fields. One row per type in field_types (field.c), one file field_NAME.c with its rule. */
#ifndef WORKER_VALIDATE_FIELD_H
#define WORKER_VALIDATE_FIELD_H

#include "worker/validate/check.h"

/* Judges the value at `node`. Returns true with *normal = its normalized form as JSON text, which lives as long as the
 * batch; or false with at least one violation added at or below the check's present path. `node` is never null, "" or
 * [], nor a string of white space for a type that has `blank_is_absent` (those mean absent and do not get here). No
 * heap allocation. */
typedef bool field_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                            uint32_t node, struct span *normal);

/* Which members of `rules` a type understands, as a set of these. */
enum {
    RULE_LENGTH = 1,    /* minLength, maxLength */
    RULE_RANGE = 2,     /* minimum, maximum, integer */
    RULE_SELECTED = 4,  /* minSelected, maxSelected */
    RULE_COUNTRIES = 8, /* countries */
    RULE_PHONE = 16     /* phone */
};

struct field_type {
    const char *name; /* as in definitions */
    field_evaluate *evaluate;
    unsigned rules;       /* besides `required`, which all have */
    bool blank_is_absent; /* a string of white space only is no value of it */
};

/* The row called `name`, or NULL. */
const struct field_type *field_type_find(struct span name);

/* All rows, ended by one with name NULL. */
extern const struct field_type field_types[];

field_evaluate field_text_evaluate, field_number_evaluate, field_email_evaluate, field_url_evaluate,
    field_phone_evaluate, field_address_evaluate, field_multi_select_evaluate;

/* The JSON text of a string value: the token as it stands in the document when `text` is the node's own unchanged,
 * escape-free content, else a new JSON string in the arena. */
struct span field_string_token(struct check *check, const struct json_document *document, uint32_t node,
                               struct span text);

/* Checks minLength and maxLength (code points) of `text`; true if it holds or there is no such rule. */
bool field_length_holds(struct check *check, const struct field *field, struct span text);

/* Email address rule of contract §6, also used for the client's own email. Returns true with *normal = the normalized
 * address (not JSON), a part of `text` or in the arena; else false with a violation added. */
bool email_normalize(struct check *check, struct span text, struct span *normal);

#endif
