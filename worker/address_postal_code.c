#include "worker/address_postal_code.h"

#include "common/text.h"

/* Postcode areas: Royal Mail's, with those of Guernsey, Jersey and the Isle of Man (GY, JE, IM), which it serves too,
 * of non-geographic codes (BX) and of the forces (BF). Source: the postal code pattern of GB in Google's address
 * metadata (libaddressinput), which lacks BF. */
static const char *const areas[] = {
    "AB", "AL", "B",  "BA", "BB", "BD", "BF", "BH", "BL", "BN", "BR", "BS", "BT", "BX", "CA", "CB", "CF", "CH",
    "CM", "CO", "CR", "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E",  "EC", "EH",
    "EN", "EX", "FK", "FY", "G",  "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS", "HU", "HX", "IG", "IM",
    "IP", "IV", "JE", "KA", "KT", "KW", "KY", "L",  "LA", "LD", "LE", "LL", "LN", "LS", "LU", "M",  "ME", "MK",
    "ML", "N",  "NE", "NG", "NN", "NP", "NR", "NW", "OL", "OX", "PA", "PE", "PH", "PL", "PO", "PR", "RG", "RH",
    "RM", "S",  "SA", "SE", "SG", "SK", "SL", "SM", "SN", "SO", "SP", "SR", "SS", "ST", "SW", "SY", "TA", "TD",
    "TF", "TN", "TQ", "TR", "TS", "TW", "UB", "W",  "WA", "WC", "WD", "WF", "WN", "WR", "WS", "WV", "YO", "ZE",
};

/* Letters that may end a district, behind an area of one letter and of two: W1A, EC1A. */
static const char district_letters_1[] = "ABCDEFGHJKPSTUW";
static const char district_letters_2[] = "ABEHMNPRVWXY";
static const char unit_letters[] = "ABDEFGHJLNPQRSTUWXYZ";

static const char canada_first[] = "ABCEGHJKLMNPRSTVXY";
static const char canada_other[] = "ABCEGHJKLMNPRSTVWXYZ";

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_of(const char *letters, char byte)
{
    return byte != '\0' && strchr(letters, byte);
}

static bool are_digits(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_digit(text.at[i]))
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
    return before.length == 3 && is_of(canada_first, before.at[0]) && is_digit(before.at[1]) &&
           is_of(canada_other, before.at[2]) && is_digit(after.at[0]) && is_of(canada_other, after.at[1]) &&
           is_digit(after.at[2]);
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
    while (letters < district.length && !is_digit(district.at[letters]))
        letters++;
    const size_t more = district.length - letters;
    if ((more != 1 && more != 2) || !is_area(span_of(district.at, letters)))
        return false;
    if (span_begins_with(district, SPAN("BF")))
        return more == 1 && district.at[2] == '1';
    const char last = district.at[district.length - 1];
    return is_digit(last) || is_of(letters == 1 ? district_letters_1 : district_letters_2, last);
}

static bool is_british(struct span before, struct span after)
{
    if (span_equal(before, SPAN("GIR")))
        return span_equal(after, SPAN("0AA"));
    return is_district(before) && is_digit(after.at[0]) && is_of(unit_letters, after.at[1]) &&
           is_of(unit_letters, after.at[2]);
}

/* Splits `code` where its one space is, or should be: `after` bytes before its end. False if there is no such place, or
 * more than two spaces. */
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
    while (digits < code.length && is_digit(code.at[code.length - 1 - digits]))
        digits++;
    if (digits < 1 || digits > 4 || !split(code, digits, &left, &right) || !span_equal(left, SPAN("BFPO")))
        return 0;
    return join(left, right, form);
}

size_t postal_code_normalize(struct span country, struct span text, char form[POSTAL_CODE_BYTES])
{
    char upper[POSTAL_CODE_BYTES + 1]; /* one space too many */
    struct span left, right;
    text = text_trim(text);
    if (text.length > sizeof(upper))
        return 0;
    for (size_t i = 0; i < text.length; i++)
        upper[i] = text.at[i] >= 'a' && text.at[i] <= 'z' ? (char)(text.at[i] & ~0x20) : text.at[i];
    const struct span code = span_of(upper, text.length);

    if (span_equal(country, SPAN("CA")))
        return split(code, 3, &left, &right) && is_canadian(left, right) ? join(left, right, form) : 0;
    if (span_equal(country, SPAN("GB"))) {
        const size_t length = forces_normalize(code, form);
        if (length > 0)
            return length;
        return split(code, 3, &left, &right) && is_british(left, right) ? join(left, right, form) : 0;
    }
    const bool holds = span_equal(country, SPAN("US")) ? is_zip(code) : code.length == 4 && are_digits(code);
    if (!holds)
        return 0;
    memcpy(form, code.at, code.length);
    return code.length;
}

const char *postal_code_example(struct span country)
{
    static const struct {
        struct span country;
        const char *example;
    } examples[] = {
        {SPAN("US"), "10001 or 10001-1234"},
        {SPAN("CA"), "K1A 0B1"},
        {SPAN("AU"), "2000"},
        {SPAN("GB"), "SW1A 1AA"},
        {SPAN("NZ"), "6011"},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        if (span_equal(country, examples[i].country))
            return examples[i].example;
    return "";
}
