/* The type phoneNumber: a number in international form, by the world's numbering plan. */
#include <stdio.h>

#include "common/phone.h"
#include "common/phone_advice.h"
#include "common/text.h"
#include "worker/field.h"
#include "worker/suggest.h"

#define COUNTRIES_NAMED 5 /* most countries that a message lists */
#define COUNTRIES_BYTES 64

_Static_assert((int)PHONE_POSSIBLE == (int)PHONE_GRADE_POSSIBLE && (int)PHONE_PLAN == (int)PHONE_GRADE_PLAN &&
                   (int)PHONE_ASSIGNED == (int)PHONE_GRADE_ASSIGNED,
               "a level of the rules is a grade of the numbering plan");

static const enum error fault_errors[] = {
    [PHONE_FAULT_CALLING_CODE] = ERROR_PHONE_COUNTRY_CODE,
    [PHONE_FAULT_LENGTH] = ERROR_PHONE_LENGTH,
    [PHONE_FAULT_AREA_CODE] = ERROR_PHONE_AREA_CODE,
};

static bool is_separator(char byte)
{
    return byte == ' ' || byte == '-' || byte == '.' || byte == '(' || byte == ')';
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A number as it was written: `text` begins with the plus. */
struct written {
    size_t digits;      /* how many */
    size_t stray;       /* where the first byte is that is neither digit nor separator; text.length if there is none */
    bool has_separator; /* between the plus and the last digit */
    bool ends_in_separator;
};

static struct written written_of(struct span text)
{
    struct written written = {.stray = text.length};
    for (size_t i = 1; i < text.length; i++) {
        if (is_digit(text.at[i])) {
            written.has_separator |= written.ends_in_separator;
            written.ends_in_separator = false;
            written.digits++;
        } else if (is_separator(text.at[i])) {
            written.ends_in_separator = true;
        } else {
            written.stray = i;
            return written;
        }
    }
    return written;
}

/* The number without its separators as a JSON string, plus first; in the arena. */
static struct span joined_token(struct arena *arena, struct span text, size_t digits)
{
    char *token = arena_alloc(arena, digits + sizeof("\"+\""));
    size_t length = 0;
    token[length++] = '"';
    for (size_t i = 0; i < text.length; i++)
        if (!is_separator(text.at[i]))
            token[length++] = text.at[i];
    token[length++] = '"';
    return span_of(token, length);
}

static bool character_fail(struct check *check, struct span stray)
{
    return check_fail(check, ERROR_PHONE_CHARACTER,
                      "%s has no place in a number, which is + and digits 0 to 9 with space - . ( ) between them",
                      character_of(check, stray));
}

static bool is_allowed(const struct rules *rules, const char country[3])
{
    return (rules->countries[country[0] - 'A'] >> (country[1] - 'A') & 1) != 0;
}

/* "US", "US or CA", "US, AG, AI, AS, BB or 20 others". */
static void countries_write(char countries[][3], uint32_t count, char text[COUNTRIES_BYTES])
{
    uint32_t named = count <= COUNTRIES_NAMED ? count : COUNTRIES_NAMED;
    int length = snprintf(text, COUNTRIES_BYTES, "%s", countries[0]);
    for (uint32_t i = 1; i < named; i++)
        length += snprintf(text + length, COUNTRIES_BYTES - (size_t)length, "%s%s", i + 1 == count ? " or " : ", ",
                           countries[i]);
    if (named < count)
        snprintf(text + length, COUNTRIES_BYTES - (size_t)length, " or %u others", count - named);
}

static bool countries_hold(struct check *check, const struct rules *rules, struct span digits)
{
    char countries[PHONE_COUNTRIES][3];
    uint32_t count = phone_countries(digits, countries);
    for (uint32_t i = 0; i < count; i++)
        if (is_allowed(rules, countries[i]))
            return true;
    if (count == 0)
        return check_fail(
            check, ERROR_COUNTRY_NOT_ALLOWED,
            "+%.*s is the calling code of no country, must be one of a country that the field allows; it allows only "
            "%s",
            3, digits.at, suggest_countries(check, rules, SPAN(""), ""));
    char text[COUNTRIES_BYTES];
    countries_write(countries, count, text);
    return check_fail(check, ERROR_COUNTRY_NOT_ALLOWED,
                      "is a number of %s, which the field does not allow; it allows only %s", text,
                      suggest_countries(check, rules, span_of(countries[0], 2), phone_neighbours(digits)));
}

/* A number with 00 in place of the plus is told so if all else is right. */
static bool plus_fail(struct check *check, struct span text)
{
    char digits[PHONE_DIGITS + 2];
    size_t length = 0;
    for (size_t i = 0; i < text.length && length < sizeof(digits); i++)
        if (is_digit(text.at[i]))
            digits[length++] = text.at[i];
    const struct span number = span_of(digits + 2, length < 2 ? 0 : length - 2);
    if (length > 2 && length < sizeof(digits) && memcmp(digits, "00", 2) == 0 &&
        phone_has_grade(number, PHONE_GRADE_PLAN))
        return check_fail(check, ERROR_PHONE_PLUS,
                          "must begin with + and the country calling code, as in +12025550123; this one would be +%.*s",
                          SPAN_FORMAT(number));
    return check_fail(check, ERROR_PHONE_PLUS, "must begin with + and the country calling code, as in +12025550123");
}

/* Where a number that would be right is known, it comes in place of the hint that the message ends with. */
static bool number_fail(struct check *check, struct span digits, enum phone_fault fault, enum phone_level level,
                        const char *message)
{
    char advice[PHONE_MESSAGE_BYTES];
    if (check->item->violations_full || !phone_advice(digits, (enum phone_grade)level, advice))
        return check_fail(check, fault_errors[fault], "%s", message);
    return check_fail(check, fault_errors[fault], "%.*s; %s", (int)strcspn(message, ";"), message, advice);
}

bool field_phone_judge(struct check *check, const struct field *field, const struct json_document *document,
                       uint32_t node, struct span *normal)
{
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    struct span text = text_trim(json_text(document, node));
    if (text.length == 0 || text.at[0] != '+')
        return plus_fail(check, text);

    struct written written = written_of(text);
    if (written.stray < text.length)
        return character_fail(check, span_from(text, written.stray));
    if (written.ends_in_separator)
        return check_fail(check, ERROR_PHONE_CHARACTER, "must end with a digit, not with a separator");

    struct span token = written.has_separator ? joined_token(check->arena, text, written.digits)
                                              : field_string_token(check, document, node, text);
    struct span digits = span_of(token.at + 2, written.digits); /* behind quote and plus */
    const struct rules *rules = &field->rules;
    enum phone_level level = rules->has_phone ? rules->phone : (enum phone_level)check->config->validation.phone;
    char message[PHONE_MESSAGE_BYTES];
    enum phone_fault fault = phone_fault_of(digits, (enum phone_grade)level, message);
    if (fault != PHONE_FAULT_NONE)
        return number_fail(check, digits, fault, level, message);
    if (rules->has_countries && !countries_hold(check, rules, digits))
        return false;
    *normal = token;
    return true;
}
