#include "worker/validate/address_postal_code.h"

#include "common/ascii.h"
#include "common/text.h"

#define AREA(letters)
#define LETTERS(name, letters) static const char name[] = letters;
#define EXAMPLE(country, example)
#include "worker/validate/data/postal_codes.inc"
#undef AREA
#undef LETTERS

#define LETTERS(name, letters)
#define AREA(letters) letters,
static const char *const areas[] = {
#include "worker/validate/data/postal_codes.inc"
};
#undef AREA
#undef EXAMPLE

static bool is_of(const char *letters, char byte)
{
    return byte != '\0' && strchr(letters, byte);
}

static bool are_digits(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!ascii_is_digit(text.at[i]))
            return false;
    return true;
}

static bool is_zip(struct span code)
{
    if (code.length == 5)
        return are_digits(code);
    return code.length == 10 && are_digits(span_of(code.at, 5)) && code.at[5] == '-' && are_digits(span_from(code, 6));
}

static bool is_canadian(struct span before, struct span after)
{
    return before.length == 3 && is_of(canada_first, before.at[0]) && ascii_is_digit(before.at[1]) &&
           is_of(canada_other, before.at[2]) && ascii_is_digit(after.at[0]) && is_of(canada_other, after.at[1]) &&
           ascii_is_digit(after.at[2]);
}

static bool is_area(struct span letters)
{
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
        if (span_equal(letters, span_of_text(areas[i])))
            return true;
    return false;
}

/* A district such as W1, W1A, EC1A, SW19. */
static bool is_district(struct span district)
{
    size_t letters = 0;
    while (letters < district.length && !ascii_is_digit(district.at[letters]))
        letters++;
    const size_t more = district.length - letters;
    if ((more != 1 && more != 2) || !is_area(span_of(district.at, letters)))
        return false;
    if (span_begins_with(district, SPAN("BF")))
        return more == 1 && district.at[2] == '1';
    const char last = district.at[district.length - 1];
    return ascii_is_digit(last) || is_of(letters == 1 ? district_letters_1 : district_letters_2, last);
}

static bool is_british(struct span before, struct span after)
{
    if (span_equal(before, SPAN("GIR")))
        return span_equal(after, SPAN("0AA"));
    return is_district(before) && ascii_is_digit(after.at[0]) && is_of(unit_letters, after.at[1]) &&
           is_of(unit_letters, after.at[2]);
}

/* Splits `code` at its one space, or where that is missing: `after` bytes before its end. False if there is no such
 * position, or more than two spaces. */
static bool split(struct span code, size_t after, struct span *left, struct span *right)
{
    if (code.length <= after)
        return false;
    *left = span_of(code.at, code.length - after);
    *right = span_from(code, left->length);
    for (int spaces = 0; spaces < 2 && left->length > 0 && left->at[left->length - 1] == ' '; spaces++)
        left->length--;
    return true;
}

static size_t join(struct span left, struct span right, char form[POSTAL_CODE_BYTES])
{
    memcpy(form, left.at, left.length);
    form[left.length] = ' ';
    memcpy(form + left.length + 1, right.at, right.length);
    return left.length + 1 + right.length;
}

/* "BFPO" and a number of one to four digits. */
static size_t forces_normalize(struct span code, char form[POSTAL_CODE_BYTES])
{
    struct span left, right;
    size_t digits = 0;
    while (digits < code.length && ascii_is_digit(code.at[code.length - 1 - digits]))
        digits++;
    if (digits < 1 || digits > 4 || !split(code, digits, &left, &right) || !span_equal(left, SPAN("BFPO")))
        return 0;
    return join(left, right, form);
}

/* Writes `text` in upper case, with a space for each white space, and returns its length; 0 if it is too long or
 * holds a control character or one beyond ASCII. */
static size_t plain_upper(struct span text, char upper[POSTAL_CODE_BYTES + 1])
{
    size_t length = 0;
    for (size_t at = 0, size; at < text.length; at += size) {
        char letter = text.at[at];
        size = 1;
        if (letter >= 'a' && letter <= 'z')
            letter = (char)(letter & ~0x20);
        else if (letter <= ' ' || (unsigned char)letter >= 0x80) {
            if (!text_is_white_space(text_code_point(text, at, &size)))
                return 0;
            letter = ' ';
        }
        if (length == POSTAL_CODE_BYTES + 1)
            return 0;
        upper[length++] = letter;
    }
    return length;
}

size_t postal_code_normalize(struct span country, struct span text, char form[POSTAL_CODE_BYTES])
{
    char upper[POSTAL_CODE_BYTES + 1]; /* one byte for a space too many */
    struct span left, right;

    text = text_trim(text);
    if (span_equal(country, SPAN("US")) || span_equal(country, SPAN("AU")) || span_equal(country, SPAN("NZ"))) {
        const bool holds = span_equal(country, SPAN("US")) ? is_zip(text) : text.length == 4 && are_digits(text);
        if (!holds)
            return 0;
        memcpy(form, text.at, text.length);
        return text.length;
    }
    const struct span code = span_of(upper, plain_upper(text, upper));
    if (span_equal(country, SPAN("CA")))
        return split(code, 3, &left, &right) && is_canadian(left, right) ? join(left, right, form) : 0;
    const size_t length = forces_normalize(code, form);
    if (length > 0)
        return length;
    return split(code, 3, &left, &right) && is_british(left, right) ? join(left, right, form) : 0;
}

const char *postal_code_example(struct span country)
{
    static const struct {
        struct span country;
        const char *example;
    } examples[] = {
#define AREA(letters)
#define EXAMPLE(code, example) {{code, sizeof(code) - 1}, example},
#include "worker/validate/data/postal_codes.inc"
#undef AREA
#undef EXAMPLE
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        if (span_equal(country, examples[i].country))
            return examples[i].example;
    return "";
}
