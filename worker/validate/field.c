#include "worker/validate/field.h"

#include "common/text.h"

const struct field_type field_types[] = {
    {"text", field_text_evaluate, RULE_LENGTH, false},
    {"number", field_number_evaluate, RULE_RANGE, true},
    {"email", field_email_evaluate, RULE_LENGTH, true},
    {"url", field_url_evaluate, RULE_LENGTH, true},
    {"phoneNumber", field_phone_evaluate, RULE_COUNTRIES | RULE_PHONE, true},
    {"address", field_address_evaluate, RULE_COUNTRIES, true},
    {"multiSelect", field_multi_select_evaluate, RULE_SELECTED, false},
    {NULL, NULL, 0, false},
};

const struct field_type *field_type_find(struct span name)
{
    for (const struct field_type *type = field_types; type->name; type++)
        if (span_equal(span_of_text(type->name), name))
            return type;
    return NULL;
}

bool field_length_holds(struct check *check, const struct field *field, struct span text)
{
    const struct rules *rules = &field->rules;
    if (!rules->has_min_length && !rules->has_max_length)
        return true;
    size_t length = text_length(text);
    if (rules->has_min_length && length < rules->min_length)
        return check_fail(check, ERROR_TOO_SHORT, "must have at least %u character%s, not %zu", rules->min_length,
                          rules->min_length == 1 ? "" : "s", length);
    if (rules->has_max_length && length > rules->max_length)
        return check_fail(check, ERROR_TOO_LONG, "must have at most %u character%s, not %zu", rules->max_length,
                          rules->max_length == 1 ? "" : "s", length);
    return true;
}
