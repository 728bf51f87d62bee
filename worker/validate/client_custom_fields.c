/* customFields: each value is checked by its field's type; required fields must be there. */
#include "worker/validate/client.h"

#include "worker/validate/field.h"
#include "worker/validate/suggest.h"

/* Checks one member of customFields. */
static void value_evaluate(struct check *check, const struct field *field, uint32_t node, struct span *normal)
{
    const struct json_document *document = &check->item->document;
    const bool required = field->rules.required, may_be_blank = !required && !field->type->blank_is_absent;
    if (value_is_absent(document, node) || (!may_be_blank && value_is_blank(document, node))) {
        if (required)
            check_fail_required(check);
        return;
    }
    if (!field->type->evaluate(check, field, document, node, normal))
        *normal = SPAN_NONE;
}

/* Adds a violation for each required field that has no member; `given` says by index which have one (NULL: none). */
static void missing_evaluate(struct check *check, const bool *given)
{
    const struct definitions *definitions = check->item->definitions;
    for (uint32_t i = 0; i < definitions->required_count; i++) {
        const struct field *field = definitions->required[i];
        if (given && given[field->index])
            continue;
        check_enter(check, field->key);
        check_fail_required(check);
        check_leave(check);
    }
}

void client_custom_fields_missing(struct check *check)
{
    if (check->item->definitions)
        missing_evaluate(check, NULL);
}

/* The field with this key. Most commands give the fields in the order of their definitions, so the one at `next` is
 * compared first. */
static inline const struct field *field_at(const struct definitions *definitions, uint32_t next, struct span key)
{
    if (next < definitions->count && span_equal(key, definitions->fields[next].key))
        return &definitions->fields[next];
    return definitions_field(definitions, key);
}

static void members_evaluate(struct check *check, uint32_t object, struct client *client)
{
    const struct json_document *document = &check->item->document;
    const struct definitions *definitions = check->item->definitions;
    struct span *normal = arena_alloc(check->arena, definitions->count * sizeof(*normal));
    bool *given = arena_alloc(check->arena, definitions->count * sizeof(*given));
    memset(normal, 0, definitions->count * sizeof(*normal));
    memset(given, 0, definitions->count * sizeof(*given));
    client->custom_fields = normal;

    struct check_step *const step = check_enter_members(check);
    uint32_t next = 0;
    for (uint32_t node = object + 1; node < document->nodes[object].next; node = document->nodes[node].next) {
        struct span key = json_name(document, node);
        const struct field *field = field_at(definitions, next, key);
        step->node = node;
        if (field) {
            next = field->index + 1;
            given[field->index] = true;
            value_evaluate(check, field, node, &normal[field->index]);
        } else {
            check_fail(check, ERROR_UNKNOWN_FIELD, "%s is not the key of a custom field of the workspace%s",
                       quote_of(check, key), suggest_field(check, key));
        }
    }
    check_leave(check);
    missing_evaluate(check, given);
}

void client_custom_fields_evaluate(struct check *check, uint32_t node, struct client *client)
{
    const struct json_document *document = &check->item->document;
    if (value_is_absent(document, node)) {
        client_custom_fields_missing(check);
        return;
    }
    if (document->nodes[node].type != NODE_OBJECT) {
        check_fail_type(check, "an object", document->nodes[node].type);
        return;
    }
    client->custom_fields_given = document->nodes[node].next > node + 1;
    if (check->item->definitions)
        members_evaluate(check, node, client);
}
