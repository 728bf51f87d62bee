#include "common/number.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/ascii.h"
#include "common/number_shortest.h"

/* A border between two neighbouring binary64 values has at most 768 significant digits. Further digits can only show
 * that a decimal lies above it. */
#define DIGITS_KEPT 800

/* Any decimal with this many significant digits survives binary64's normal range (DBL_DIG). It is then the shortest
 * text of its value, since no two such decimals have the same value. */
#define DIGITS_SAFE 15

/* Digits beyond these powers of ten are beyond binary64, or round to 0. */
#define POINT_LARGEST  309
#define POINT_SMALLEST (-330)

/* A larger exponent is cut; no text is long enough to compensate for it. */
#define EXPONENT_LIMIT ((int64_t)1 << 48)

/* The exact decimal 0.d1 d2 d3 ... * 10^point, whose first and last digits are not 0. Zero has no digits. */
struct decimal {
    bool negative;
    int64_t point;
    size_t count; /* of significant digits; the first DIGITS_KEPT are kept */
    size_t seen;  /* while it is built: with the zeros that may turn out to be trailing */
    char digits[DIGITS_KEPT];
};

static void decimal_clear(struct decimal *decimal)
{
    decimal->negative = false;
    decimal->point = 0;
    decimal->count = decimal->seen = 0;
}

static inline void decimal_add(struct decimal *decimal, char digit)
{
    if (digit == '0' && decimal->seen == 0)
        return;
    if (decimal->seen < DIGITS_KEPT)
        decimal->digits[decimal->seen] = digit;
    decimal->seen++;
    if (digit != '0')
        decimal->count = decimal->seen;
}

static bool decimal_is_whole(const struct decimal *decimal)
{
    return decimal->count == 0 || decimal->point >= (int64_t)decimal->count;
}

static bool decimal_equal(const struct decimal *a, const struct decimal *b)
{
    if (a->count != b->count || a->count > DIGITS_KEPT)
        return false;
    return a->count == 0 ||
           (a->point == b->point && a->negative == b->negative && memcmp(a->digits, b->digits, a->count) == 0);
}

/* Reads e or E and an exponent, all of text[at..). */
static bool exponent_read(struct span text, size_t at, int64_t *exponent)
{
    at++;
    bool negative = at < text.length && text.at[at] == '-';
    if (at < text.length && (text.at[at] == '-' || text.at[at] == '+'))
        at++;
    if (at == text.length)
        return false;
    *exponent = 0;
    for (; at < text.length; at++) {
        if (!ascii_is_digit(text.at[at]))
            return false;
        if (*exponent < EXPONENT_LIMIT)
            *exponent = *exponent * 10 + (text.at[at] - '0');
    }
    if (negative)
        *exponent = -*exponent;
    return true;
}

/* Reads all of `text`; false if it is not a number. */
static bool decimal_read(struct span text, struct decimal *decimal)
{
    decimal_clear(decimal);
    size_t at = 0;
    if (text.length > 0 && text.at[0] == '-') {
        decimal->negative = true;
        at++;
    }
    size_t begin = at;
    for (; at < text.length && ascii_is_digit(text.at[at]); at++)
        decimal_add(decimal, text.at[at]);
    if (at == begin)
        return false;
    decimal->point = (int64_t)decimal->seen;
    if (at < text.length && text.at[at] == '.') {
        begin = ++at;
        for (; at < text.length && ascii_is_digit(text.at[at]); at++) {
            decimal_add(decimal, text.at[at]);
            decimal->point -= decimal->seen == 0;
        }
        if (at == begin)
            return false;
    }
    if (at == text.length)
        return true;
    if (text.at[at] != 'e' && text.at[at] != 'E')
        return false;
    int64_t exponent;
    if (!exponent_read(text, at, &exponent))
        return false;
    decimal->point += exponent;
    return true;
}

/* The magnitude of few digits: exact, since both its factors are (Clinger's fast path). False if they are not. */
static bool decimal_value_quickly(const struct decimal *decimal, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t exponent = decimal->point - (int64_t)decimal->count;
    if (decimal->count > DIGITS_SAFE || exponent < -22 || exponent > 22)
        return false;
    uint64_t digits = 0;
    for (size_t i = 0; i < decimal->count; i++)
        digits = digits * 10 + (uint64_t)(decimal->digits[i] - '0');
    *value = exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    return true;
}

/* The nearest binary64, or infinity. */
static double decimal_value(const struct decimal *decimal)
{
    double value = 0;
    if (decimal->count > 0 && decimal->point > POINT_LARGEST) {
        value = INFINITY;
    } else if (decimal->count > 0 && decimal->point >= POINT_SMALLEST && !decimal_value_quickly(decimal, &value)) {
        /* strtod rounds correctly. Whole number and exponent are written without a decimal point, so the locale has
         * no effect. */
        char text[DIGITS_KEPT + 32];
        size_t length = decimal->count < DIGITS_KEPT ? decimal->count : DIGITS_KEPT;
        memcpy(text, decimal->digits, length);
        if (decimal->count > DIGITS_KEPT)
            text[length++] = '1';
        snprintf(text + length, sizeof(text) - length, "e%d", (int)(decimal->point - (int64_t)length));
        value = strtod(text, NULL);
    }
    return decimal->negative && value != 0 ? -value : value;
}

/* The shortest decimal that converts back to `magnitude`, and of several the nearest. */
static void decimal_shortest(double magnitude, struct decimal *decimal)
{
    char text[NUMBER_SHORTEST_BYTES];
    size_t length = number_shortest(magnitude, text);
    decimal_clear(decimal);
    size_t at = 0;
    for (; at < length && text[at] != 'e'; at++)
        if (ascii_is_digit(text[at]))
            decimal_add(decimal, text[at]);
    int64_t exponent = 0;
    bool is_scientific = exponent_read(span_of(text, length), at, &exponent);
    assert(is_scientific);
    (void)is_scientific;
    decimal->point = exponent + 1;
}

/* The shortest decimal that converts back to a finite `value`. */
static void decimal_of(double value, struct decimal *decimal)
{
    double magnitude = fabs(value);
    if (magnitude < 0x1p53 && magnitude == floor(magnitude)) {
        char digits[20];
        int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)magnitude);
        decimal_clear(decimal);
        for (int i = 0; i < length; i++)
            decimal_add(decimal, digits[i]);
        decimal->point = length;
    } else {
        decimal_shortest(magnitude, decimal);
    }
    decimal->negative = value < 0;
}

static char *write_digits(char *to, const char *digits, size_t count)
{
    memcpy(to, digits, count);
    return to + count;
}

static char *write_zeros(char *to, size_t count)
{
    memset(to, '0', count);
    return to + count;
}

/* ECMAScript's Number::toString (ECMA-262, 6.1.6.1.20) of a decimal of at most 17 digits. Returns the length. */
static size_t decimal_write(const struct decimal *decimal, char text[NUMBER_BYTES])
{
    char *to = text;
    size_t count = decimal->count;
    int64_t point = decimal->point;
    if (count == 0) {
        text[0] = '0';
        return 1;
    }
    if (decimal->negative)
        *to++ = '-';
    if ((int64_t)count <= point && point <= 21) { /* 1200 */
        to = write_digits(to, decimal->digits, count);
        to = write_zeros(to, (size_t)point - count);
    } else if (0 < point && point <= 21) { /* 1.2 */
        to = write_digits(to, decimal->digits, (size_t)point);
        *to++ = '.';
        to = write_digits(to, decimal->digits + point, count - (size_t)point);
    } else if (-6 < point && point <= 0) { /* 0.0012 */
        to = write_digits(to, "0.", 2);
        to = write_zeros(to, (size_t)-point);
        to = write_digits(to, decimal->digits, count);
    } else { /* 1.2e-7 */
        *to++ = decimal->digits[0];
        if (count > 1) {
            *to++ = '.';
            to = write_digits(to, decimal->digits + 1, count - 1);
        }
        to += snprintf(to, NUMBER_BYTES - (size_t)(to - text), "e%+d", (int)(point - 1));
    }
    return (size_t)(to - text);
}

enum number_verdict number_read(struct span text, struct number *number)
{
    struct decimal given;
    if (!decimal_read(text, &given))
        return NUMBER_SYNTAX;
    number->value = decimal_value(&given);
    if (isinf(number->value))
        return NUMBER_RANGE;
    number->whole = decimal_is_whole(&given);
    bool safe = given.count <= DIGITS_SAFE && given.point > -307 && given.point <= 308;
    if (given.count == 0 || safe) {
        number->length = (uint8_t)decimal_write(&given, number->text);
        return NUMBER_OK;
    }
    struct decimal shortest;
    decimal_of(number->value, &shortest);
    number->length = (uint8_t)decimal_write(&shortest, number->text);
    number->whole = decimal_is_whole(&shortest);
    return decimal_equal(&given, &shortest) ? NUMBER_OK : NUMBER_PRECISION;
}

size_t number_text(double value, char text[NUMBER_BYTES])
{
    assert(isfinite(value));
    struct decimal shortest;
    decimal_of(value, &shortest);
    return decimal_write(&shortest, text);
}
