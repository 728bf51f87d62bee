/* The type phoneNumber: a number in international form, by the world's numbering plan. */
#include <stdio.h>

#include "common/ascii.h"
#include "common/byte_block.h"
#include "common/phone.h"
#include "common/phone_advice.h"
#include "common/text.h"
#include "worker/validate/field.h"
#include "worker/validate/suggest.h"

#define COUNTRIES_NAMED 5 /* most countries that a message lists */
#define COUNTRIES_BYTES 64

static const enum error fault_errors[] = {
    [PHONE_FAULT_CALLING_CODE] = ERROR_PHONE_COUNTRY_CODE,
    [PHONE_FAULT_LENGTH] = ERROR_PHONE_LENGTH,
    [PHONE_FAULT_AREA_CODE] = ERROR_PHONE_AREA_CODE,
};

/* The role of a character in a number. */
enum mark {
    STRAY,
    DIGIT,
    SEPARATOR, /* removed, if a digit follows it */
    UNSEEN     /* an invisible character that comes with copied numbers: removed */
};

/* For ASCII. */
static const unsigned char ascii_marks[0x80] = {
    ['0' ... '9'] = DIGIT, [' '] = SEPARATOR, ['-'] = SEPARATOR,  ['.'] = SEPARATOR,
    ['('] = SEPARATOR,     [')'] = SEPARATOR, ['\t'] = SEPARATOR,
};

/* Bidi_Control (UAX #9), and other invisible characters that pages, documents and address books put around or into a
 * number. */
static bool is_unseen(uint32_t code_point)
{
    return code_point == 0xad || code_point == 0x61c || (code_point >= 0x200b && code_point <= 0x200f) ||
           (code_point >= 0x202a && code_point <= 0x202e) || code_point == 0x2060 ||
           (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0xfeff;
}

/* Beyond ASCII: white space except line ends, hyphens and dashes, the full-width ( ) - and the full-width full stop. */
static bool is_wide_separator(uint32_t code_point)
{
    if (text_is_white_space(code_point))
        return code_point != 0x85 && code_point != 0x2028 && code_point != 0x2029;
    return (code_point >= 0x2010 && code_point <= 0x2015) || code_point == 0x2212 || code_point == 0xff08 ||
           code_point == 0xff09 || code_point == 0xff0d || code_point == 0xff0e;
}

static enum mark mark_of(struct span text, size_t at, size_t *size)
{
    const unsigned char byte = (unsigned char)text.at[at];
    *size = 1;
    if (byte < 0x80)
        return (enum mark)ascii_marks[byte];
    const uint32_t code_point = text_code_point(text, at, size);
    if (is_unseen(code_point))
        return UNSEEN;
    return is_wide_separator(code_point) ? SEPARATOR : STRAY;
}

/* The form of most numbers: the plus, digits and nothing else, at most a block. `text` is of a document, so that a
 * block can be read. */
static bool is_normal(struct span text)
{
    if (text.length == 0 || text.length > BYTE_BLOCK || text.at[0] != '+')
        return false;
    const byte_marks digits = (byte_marks)((byte_block)(byte_block_load(text.at) - '0') <= 9);
    const uint32_t all = (1u << text.length) - 1;
    return ((byte_block_mask(digits) | 1) & all) == all;
}

/* Removes white space and invisible characters at both ends. */
static struct span trimmed(struct span text)
{
    size_t length, size;
    do {
        text = text_trim(text);
        length = text.length;
        if (text.length > 0 && mark_of(text, 0, &size) == UNSEEN)
            text = span_from(text, size);
        size_t last = text.length;
        while (last > 0 && ((unsigned char)text.at[--last] & 0xc0) == 0x80)
            ;
        if (text.length > 0 && mark_of(text, last, &size) == UNSEEN)
            text.length = last;
    } while (text.length < length);
    return text;
}

/* The bytes of the plus at the beginning, ASCII's or the full-width one; 0 if there is none. */
static size_t plus_size(struct span text)
{
    if (text.length > 0 && text.at[0] == '+')
        return 1;
    return span_begins_with(text, SPAN("\uff0b")) ? 3 : 0;
}

/* The digits of a number as written, after the plus. */
struct written {
    size_t digits; /* how many */
    size_t stray;  /* position of the first character that is not allowed in a number; text.length if there is none */
    bool ends_in_separator;
};

static struct written written_of(struct span text, size_t plus)
{
    struct written written = {.stray = text.length};
    for (size_t i = plus, size; i < text.length; i += size) {
        switch (mark_of(text, i, &size)) {
        case DIGIT:
            written.digits++;
            written.ends_in_separator = false;
            break;
        case SEPARATOR:
            written.ends_in_separator = true;
            break;
        case UNSEEN:
            break;
        case STRAY:
            written.stray = i;
            return written;
        }
    }
    return written;
}

/* The plus and digits as a JSON string, in the arena. */
static struct span joined_token(struct arena *arena, struct span text, size_t digits)
{
    char *token = arena_alloc(arena, digits + sizeof("\"+\""));
    size_t length = 0;
    token[length++] = '"';
    token[length++] = '+';
    for (size_t i = 0; i < text.length; i++)
        if (ascii_is_digit(text.at[i]))
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

/* Ascension and Tristan da Cunha have calling codes of their own, but belong to SH in ISO 3166-1. Returns the number
 * of countries left, each once. */
static uint32_t countries_unite(char countries[][3], uint32_t count)
{
    uint32_t kept = 0;
    bool has_saint_helena = false;
    for (uint32_t i = 0; i < count; i++) {
        const bool is_part = strcmp(countries[i], "AC") == 0 || strcmp(countries[i], "TA") == 0;
        const char *country = is_part ? "SH" : countries[i];
        const bool is_saint_helena = strcmp(country, "SH") == 0;
        if (is_saint_helena && has_saint_helena)
            continue;
        has_saint_helena |= is_saint_helena;
        memmove(countries[kept++], country, 3);
    }
    return kept;
}

static bool countries_hold(struct check *check, const struct rules *rules, struct span digits)
{
    char countries[PHONE_COUNTRIES][3];
    uint32_t count = countries_unite(countries, phone_countries(digits, countries));
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

/* The message for a number with 00 in place of the plus says so if all else is right. */
static bool plus_fail(struct check *check, struct span text)
{
    char digits[PHONE_DIGITS + 2];
    size_t length = 0;
    for (size_t i = 0; i < text.length && length < sizeof(digits); i++)
        if (ascii_is_digit(text.at[i]))
            digits[length++] = text.at[i];
    const struct span number = span_of(digits + 2, length < 2 ? 0 : length - 2);
    if (length > 2 && length < sizeof(digits) && memcmp(digits, "00", 2) == 0 && phone_has_level(number, PHONE_PLAN))
        return check_fail(check, ERROR_PHONE_PLUS,
                          "must begin with + and the country calling code, as in +12025550123; this one would be +%.*s",
                          SPAN_FORMAT(number));
    return check_fail(check, ERROR_PHONE_PLUS, "must begin with + and the country calling code, as in +12025550123");
}

/* A known correction replaces the hint at the end of the message. */
static bool number_fail(struct check *check, struct span digits, enum phone_fault fault, enum phone_level level,
                        const char *message)
{
    char advice[PHONE_MESSAGE_BYTES];
    if (check->item->violations_full || !phone_advice(digits, level, advice))
        return check_fail(check, fault_errors[fault], "%s", message);
    return check_fail(check, fault_errors[fault], "%.*s; %s", (int)strcspn(message, ";"), message, advice);
}

/* Reads a number that is not normal yet. Returns its token, and its number of digits in *digits; or SPAN_NONE with a
 * violation added. */
static struct span written_normalize(struct check *check, struct span text, size_t *digits)
{
    text = trimmed(text);
    const size_t plus = plus_size(text);
    if (plus == 0) {
        plus_fail(check, text);
        return SPAN_NONE;
    }
    const struct written written = written_of(text, plus);
    if (written.stray < text.length) {
        character_fail(check, span_from(text, written.stray));
        return SPAN_NONE;
    }
    if (written.ends_in_separator) {
        check_fail(check, ERROR_PHONE_CHARACTER, "must end with a digit, not with a separator");
        return SPAN_NONE;
    }
    *digits = written.digits;
    return joined_token(check->arena, text, written.digits);
}

bool field_phone_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                          uint32_t node, struct span *normal)
{
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    const struct span text = json_text(document, node);
    size_t digit_count = text.length - 1;
    const struct span token = is_normal(text) ? field_string_token(check, document, node, text)
                                              : written_normalize(check, text, &digit_count);
    if (!token.at)
        return false;

    const struct span digits = span_of(token.at + 2, digit_count); /* after quote and plus */
    const struct rules *rules = &field->rules;
    enum phone_level level = rules->has_phone ? rules->phone : (enum phone_level)check->config->validation.phone;
    char message[PHONE_MESSAGE_BYTES];
    enum phone_fault fault = phone_fault_of(digits, level, message);
    if (fault != PHONE_FAULT_NONE)
        return number_fail(check, digits, fault, level, message);
    if (rules->has_countries && !countries_hold(check, rules, digits))
        return false;
    *normal = token;
    return true;
}
