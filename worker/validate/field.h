/* field: the types of custom fields. One row per type in field_types (field.c), one file field_NAME.c with its rule. */
#ifndef WORKER_VALIDATE_FIELD_H
#define WORKER_VALIDATE_FIELD_H

#include "common/json_writer.h"
#include "worker/validate/check.h"

/* Checks the value at `node`. Returns true with *normal = its normalized form as JSON text, which lives as long as
 * the batch; or false with at least one violation added at or below the check's present path. `node` is never null,
 * "" or [], nor a string of white space for a type with `blank_is_absent`: these values count as absent. No heap
 * allocation. */
typedef bool field_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                            uint32_t node, struct span *normal);

/* The members of `rules` that a type knows, as a set. */
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
    unsigned rules;       /* in addition to `required`, which all types have */
    bool blank_is_absent; /* a string of white space only counts as absent */
};

/* The row called `name`, or NULL. */
const struct field_type *field_type_find(struct span name);

/* All rows; the last one has name NULL. */
extern const struct field_type field_types[];

field_evaluate field_text_evaluate, field_number_evaluate, field_email_evaluate, field_url_evaluate,
    field_phone_evaluate, field_address_evaluate, field_multi_select_evaluate;

/* The JSON text of a string value: the document's own token if `text` is the node's unchanged content and the token is
 * as we would write it, otherwise a new JSON string in the arena. */
static inline struct span field_string_token(struct check *check, const struct json_document *document, uint32_t node,
                                             struct span text)
{
    const struct span given = json_text(document, node);
    const bool unchanged = text.at == given.at && text.length == given.length;
    const struct span token = unchanged ? json_token(document, node) : SPAN_NONE;
    return token.at ? token : json_string_of(check->arena, text);
}

/* The same token for lines of printable ASCII, at most `limit` bytes: no rule for texts refuses or changes any of it.
 * at == NULL for other values. */
static inline struct span field_lines_token(const struct json_document *document, uint32_t node, size_t limit)
{
    const struct json_node *const value = &document->nodes[node];
    return value->flags & JSON_LINES && value->length <= limit ? json_token(document, node) : SPAN_NONE;
}

/* Checks minLength and maxLength (code points) of `text`. True if they hold or are not set. */
bool field_length_holds(struct check *check, const struct field *field, struct span text);

/* The email rule (docs/rules.md), also used for the client's own email. Returns true with *normal = the normalized
 * address (not JSON), a part of `text` or in the arena; or false with a violation added. */
bool email_normalize(struct check *check, struct span text, struct span *normal);

/* The same, without the quick way for plain addresses (email_plain.h). */
bool email_normalize_any(struct check *check, struct span text, struct span *normal);

#endif
