/* The type text: any string, in one Unicode form and with one kind of line end, otherwise unchanged. */
#include "common/text.h"
#include "worker/validate/field.h"

#define TEXT_CHARACTERS 65535 /* code points, after normalization */

/* True if `text` has no control character except TAB and line ends. */
static bool controls_hold(struct check *check, struct span text)
{
    uint32_t control = text_find_control(text, "\t\n\r");
    if (control == 0)
        return true;
    return check_fail(check, ERROR_CONTROL_CHARACTER,
                      "must not hold the control character U+%04X, nor any other but TAB and line ends",
                      control == UINT32_MAX ? 0 : (unsigned)control);
}

/* The type's own limit and the field's rules; the tighter one is reported. */
static bool length_holds(struct check *check, const struct field *field, struct span text)
{
    bool rule_is_tighter = field->rules.has_max_length && field->rules.max_length <= TEXT_CHARACTERS;
    if (!rule_is_tighter && text.length > TEXT_CHARACTERS) {
        size_t length = text_length(text);
        if (length > TEXT_CHARACTERS)
            return check_fail(check, ERROR_TOO_LONG, "must have at most %d characters, not %zu", TEXT_CHARACTERS,
                              length);
    }
    return field_length_holds(check, field, text);
}

bool field_text_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                         uint32_t node, struct span *normal)
{
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    struct span text = json_text(document, node);
    bool holds = true;
    if (!(document->nodes[node].flags & JSON_LINES)) {
        holds = controls_hold(check, text);
        text = text_unify_line_ends(text_compose(text, check->arena), check->arena);
    }
    if (!length_holds(check, field, text) || !holds)
        return false;
    *normal = field_string_token(check, document, node, text);
    return true;
}
