/* The type number: a JSON number, or a string that holds one. */
#include <float.h>
#include <math.h>

#include "common/number.h"
#include "common/text.h"
#include "worker/validate/field.h"

/* Why a string that is nearly a number is not one. */
static const char *syntax_hint(struct span text)
{
    struct span trimmed = text_trim(text);
    if (trimmed.length == 0)
        return "like 12, -0.5 or 6e23";
    if (trimmed.length < text.length)
        return "without white space around it";
    if (text.at[0] == '+')
        return "without a plus sign";
    if (memchr(text.at, ',', text.length) || memchr(trimmed.at, ' ', trimmed.length))
        return "with a point before the decimals and nothing between thousands";
    return "like 12, -0.5 or 6e23";
}

/* The first character that no number contains, and the text from there on; empty if there is none. */
static struct span find_stray(struct span text)
{
    size_t at = 0;
    while (at < text.length && text.at[at] != '\0' && strchr("0123456789+-.eE", text.at[at]))
        at++;
    return span_from(text, at);
}

static bool syntax_fail(struct check *check, struct span text)
{
    const struct span stray = find_stray(text_trim(text));
    if (stray.length == 0 || stray.at[0] == ',' || stray.at[0] == ' ')
        return check_fail(check, ERROR_NUMBER_SYNTAX, "%s is not a number, must be one %s", quote_of(check, text),
                          syntax_hint(text));
    return check_fail(check, ERROR_NUMBER_SYNTAX, "%s has no place in a number, which must be one %s",
                      character_of(check, stray), syntax_hint(text));
}

/* The value that binary64 would keep of a number that it cannot represent. */
static const char *precision_hint(const struct number *number)
{
    return fabs(number->value) < DBL_MIN ? "0, or one not so near to 0" : "any of up to 15 digits is";
}

/* Adds a violation unless the number is on the right side of a limit. */
static bool limit_holds(struct check *check, const struct number *number, bool holds, const char *side, double limit)
{
    if (holds)
        return true;
    char text[NUMBER_BYTES];
    int length = (int)number_text(limit, text);
    return check_fail(check, ERROR_NUMBER_RANGE, "must be at %s %.*s, not %.*s", side, length, text,
                      (int)number->length, number->text);
}

static bool rules_hold(struct check *check, const struct rules *rules, const struct number *number)
{
    bool holds = true;
    if (rules->has_minimum)
        holds &= limit_holds(check, number, number->value >= rules->minimum, "least", rules->minimum);
    if (rules->has_maximum)
        holds &= limit_holds(check, number, number->value <= rules->maximum, "most", rules->maximum);
    if (rules->integer && !number->whole)
        holds = check_fail(check, ERROR_NUMBER_INTEGER, "must be a whole number, not %.*s", (int)number->length,
                           number->text);
    return holds;
}

bool field_number_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                           uint32_t node, struct span *normal)
{
    enum json_type type = document->nodes[node].type;
    if (type != NODE_NUMBER && type != NODE_STRING)
        return check_fail_type(check, "a number, or a string that holds one", type);
    struct span text = json_text(document, node);
    struct number number;
    switch (number_read(text, &number)) {
    case NUMBER_SYNTAX:
        return syntax_fail(check, text);
    case NUMBER_RANGE:
        return check_fail(check, ERROR_NUMBER_RANGE, "%s is too large, must be between -%s and %s",
                          quote_of(check, text), NUMBER_LARGEST, NUMBER_LARGEST);
    case NUMBER_PRECISION:
        return check_fail(check, ERROR_NUMBER_PRECISION,
                          "%s would become %.*s, must be a number that binary64 keeps: %s", quote_of(check, text),
                          (int)number.length, number.text, precision_hint(&number));
    case NUMBER_OK:
        break;
    }
    if (!rules_hold(check, &field->rules, &number))
        return false;
    struct span written = span_of(number.text, number.length);
    *normal = span_equal(written, text) ? text : arena_copy(check->arena, written);
    return true;
}
