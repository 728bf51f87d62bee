/* Numbers: accepted decimals, and their text. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/number.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* For long loops: Check records every passed assertion in a file. */
#define assert_quietly(condition, ...)                                                                                 \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

START_TEST(texts_of_binary64)
{
    /* RFC 8785, appendix B, and the borders of the four notations. */
    static const struct {
        uint64_t bits;
        const char *text;
    } rows[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        {0x000fffffffffffff, "2.225073858507201e-308"}, /* the largest subnormal */
        {0x0010000000000000, "2.2250738585072014e-308"},
        /* Powers of two whose nearest 16 digits do not convert back, while the next 16 do. */
        {0x0060000000000000, "7.120236347223045e-307"},
        {0x0e80000000000000, "7.678447687145631e-239"},
        {0x75e0000000000000, "6.150157786156811e+259"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[NUMBER_BYTES];
        size_t length = number_text(double_of(rows[i].bits), text);
        ck_assert_msg(span_equal(span_of(text, length), span_of_text(rows[i].text)), "%.*s is not %s", (int)length,
                      text, rows[i].text);
    }
}
END_TEST

START_TEST(what_is_read)
{
    static const struct {
        const char *given;
        enum number_verdict verdict;
        const char *text; /* with NUMBER_PRECISION: the nearest */
    } rows[] = {
        {"0", NUMBER_OK, "0"},
        {"-0", NUMBER_OK, "0"},
        {"-0.000e-5", NUMBER_OK, "0"},
        {"0e99999999999999999999999", NUMBER_OK, "0"},
        {"42", NUMBER_OK, "42"},
        {"-12.50", NUMBER_OK, "-12.5"},
        {"001", NUMBER_OK, "1"},
        {"-007.50", NUMBER_OK, "-7.5"},
        {"0000000000000000000000000000001", NUMBER_OK, "1"},
        {"1e3", NUMBER_OK, "1000"},
        {"1E+3", NUMBER_OK, "1000"},
        {"1200e-2", NUMBER_OK, "12"},
        {"0.1", NUMBER_OK, "0.1"},
        {"0.10000000000000000000000000000", NUMBER_OK, "0.1"},
        {"0.30000000000000004", NUMBER_OK, "0.30000000000000004"},
        {"123456789012345", NUMBER_OK, "123456789012345"},
        {"9007199254740991", NUMBER_OK, "9007199254740991"},
        {"9007199254740992", NUMBER_OK, "9007199254740992"},
        {"9007199254740993", NUMBER_PRECISION, "9007199254740992"},
        {"1152921504606846976", NUMBER_PRECISION, "1152921504606847000"}, /* 2^60, but not its shortest text */
        {"1152921504606847000", NUMBER_OK, "1152921504606847000"},
        {"0.1000000000000000055511151231257827", NUMBER_PRECISION, "0.1"},
        {"3.141592653589793", NUMBER_OK, "3.141592653589793"},
        {"3.14159265358979323846", NUMBER_PRECISION, "3.141592653589793"},
        {"100000000000000000000", NUMBER_OK, "100000000000000000000"},
        {"1000000000000000000000", NUMBER_OK, "1e+21"},
        {"0.000001", NUMBER_OK, "0.000001"},
        {"0.0000001", NUMBER_OK, "1e-7"},
        {"12345e-12", NUMBER_OK, "1.2345e-8"},
        {"5e-324", NUMBER_OK, "5e-324"},
        {"4.9e-324", NUMBER_PRECISION, "5e-324"},
        {"1e-400", NUMBER_PRECISION, "0"},
        {"-1e-99999999999999999999999", NUMBER_PRECISION, "0"},
        {"1.7976931348623157e308", NUMBER_OK, "1.7976931348623157e+308"},
        {"1.7976931348623158e308", NUMBER_PRECISION, "1.7976931348623157e+308"}, /* rounds down to it */
        {"1.7976931348623159e308", NUMBER_RANGE, NULL},
        {"-1e309", NUMBER_RANGE, NULL},
        {"1e99999999999999999999", NUMBER_RANGE, NULL},
        {"", NUMBER_SYNTAX, NULL},
        {"-", NUMBER_SYNTAX, NULL},
        {"+1", NUMBER_SYNTAX, NULL},
        {"--1", NUMBER_SYNTAX, NULL},
        {" 1", NUMBER_SYNTAX, NULL},
        {"1 ", NUMBER_SYNTAX, NULL},
        {"1\n", NUMBER_SYNTAX, NULL},
        {".5", NUMBER_SYNTAX, NULL},
        {"5.", NUMBER_SYNTAX, NULL},
        {"-.5", NUMBER_SYNTAX, NULL},
        {"1e", NUMBER_SYNTAX, NULL},
        {"1e+", NUMBER_SYNTAX, NULL},
        {"e5", NUMBER_SYNTAX, NULL},
        {"1e5.5", NUMBER_SYNTAX, NULL},
        {"1e5e5", NUMBER_SYNTAX, NULL},
        {"1.2.3", NUMBER_SYNTAX, NULL},
        {"1,5", NUMBER_SYNTAX, NULL},
        {"1 000", NUMBER_SYNTAX, NULL},
        {"1_000", NUMBER_SYNTAX, NULL},
        {"0x10", NUMBER_SYNTAX, NULL},
        {"1f", NUMBER_SYNTAX, NULL},
        {"NaN", NUMBER_SYNTAX, NULL},
        {"Infinity", NUMBER_SYNTAX, NULL},
        {"inf", NUMBER_SYNTAX, NULL},
        {"\u0661", NUMBER_SYNTAX, NULL},  /* an Arabic one */
        {"\uff11", NUMBER_SYNTAX, NULL},  /* a full-width one */
        {"\u22121", NUMBER_SYNTAX, NULL}, /* a typographic minus */
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct number number;
        enum number_verdict verdict = number_read(span_of_text(rows[i].given), &number);
        ck_assert_msg(verdict == rows[i].verdict, "\"%s\" gives %d", rows[i].given, verdict);
        if (rows[i].text)
            ck_assert_msg(span_equal(span_of(number.text, number.length), span_of_text(rows[i].text)),
                          "\"%s\" gives %.*s", rows[i].given, (int)number.length, number.text);
    }
    struct number number;
    ck_assert_int_eq(number_read(SPAN("1\0"), &number), NUMBER_SYNTAX);
}
END_TEST

START_TEST(values_and_wholeness)
{
    static const struct {
        const char *given;
        double value;
        bool whole;
    } rows[] = {
        {"0", 0, true},
        {"-0", 0, true},
        {"7", 7, true},
        {"-7.0", -7, true},
        {"1.5", 1.5, false},
        {"15e-1", 1.5, false},
        {"150e-1", 15, true},
        {"1e3", 1000, true},
        {"1e22", 1e22, true},
        {"1e-7", 1e-7, false},
        {"0.1", 0.1, false},
        {"1e300", 1e300, true},
        {"0.3e1", 3, true},
        {"1e23", 1e23, true},
        {"5e-324", 5e-324, false},
        {"1e-22", 1e-22, false},
        {"123456789012345e-22", 123456789012345e-22, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct number number;
        ck_assert_int_eq(number_read(span_of_text(rows[i].given), &number), NUMBER_OK);
        ck_assert_msg(number.value == rows[i].value && !signbit(number.value) == !(rows[i].value < 0), "%s is %a",
                      rows[i].given, number.value);
        ck_assert_msg(number.whole == rows[i].whole, "%s", rows[i].given);
    }
}
END_TEST

static uint64_t random_state = 0x9E3779B97F4A7C15;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void assert_text_leads_back(double value)
{
    char text[NUMBER_BYTES];
    size_t length = number_text(value, text);
    assert_quietly(length > 0 && length < NUMBER_BYTES, "%a has a text of %zu bytes", value, length);
    text[length] = '\0';
    assert_quietly(strtod(text, NULL) == value, "%a has the text %s, which is %a", value, text, strtod(text, NULL));
    struct number number;
    assert_quietly(number_read(span_of(text, length), &number) == NUMBER_OK, "%s is refused", text);
    assert_quietly(span_equal(span_of(number.text, number.length), span_of(text, length)), "%s becomes %.*s", text,
                   (int)number.length, number.text);
    assert_quietly(number.value == value, "%s has the value %a, not %a", text, number.value, value);
}

START_TEST(the_text_of_a_value_leads_back_to_it_and_stays)
{
    for (int exponent = -1074; exponent < 1024; exponent++)
        for (int side = -1; side <= 1; side++)
            assert_text_leads_back(side == 0 ? ldexp(1, exponent) : nextafter(ldexp(1, exponent), side * INFINITY));
    for (int round = 0; round < 50000; round++) {
        double value = double_of(random_bits());
        if (isfinite(value))
            assert_text_leads_back(value);
        assert_text_leads_back(double_of(random_bits() >> 12)); /* subnormal */
        assert_text_leads_back((double)(int64_t)random_bits());
        assert_text_leads_back((double)(random_bits() % 1000000) / 100);
    }
}
END_TEST

/* Significant digits in the text of a number. */
static int digits_of(struct span text)
{
    int digits = 0, zeros = 0;
    for (size_t i = 0; i < text.length && text.at[i] != 'e'; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || (digits == 0 && text.at[i] == '0'))
            continue;
        zeros = text.at[i] == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

START_TEST(no_shorter_text_leads_back)
{
    for (int round = 0; round < 20000; round++) {
        double value = double_of(random_bits());
        if (!isfinite(value))
            continue;
        char text[NUMBER_BYTES], shorter[64];
        int digits = digits_of(span_of(text, number_text(value, text)));
        if (digits < 2)
            continue;
        snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, value);
        assert_quietly(strtod(shorter, NULL) != value, "%a has %d digits, but %s would do", value, digits, shorter);
    }
}
END_TEST

START_TEST(fifteen_digits_always_survive_and_twenty_never_do)
{
    for (int round = 0; round < 50000; round++) {
        char text[64];
        struct number number;
        int exponent = (int)(random_bits() % 580) - 300;
        snprintf(text, sizeof(text), "%llu.%06lluE%d", (unsigned long long)(random_bits() % 1000000000),
                 (unsigned long long)(random_bits() % 1000000), exponent);
        assert_quietly(number_read(span_of_text(text), &number) == NUMBER_OK, "%s is refused", text);
        assert_quietly(number.value == strtod(text, NULL), "%s has another value", text);
        snprintf(text, sizeof(text), "%llu%09llu3e%d", (unsigned long long)(1 + random_bits() % 9) * 1000000000,
                 (unsigned long long)(random_bits() % 1000000000), exponent);
        assert_quietly(number_read(span_of_text(text), &number) == NUMBER_PRECISION, "%s is taken", text);
        assert_quietly(number.value == strtod(text, NULL), "%s has another nearest value", text);
    }
}
END_TEST

START_TEST(decimals_of_a_quarter_million_digits)
{
    static char text[262144];
    struct number number;
    const size_t length = sizeof(text);

    memset(text, '0', length);
    ck_assert_int_eq(number_read(span_of(text, length), &number), NUMBER_OK);
    ck_assert_int_eq(number.text[0], '0');

    text[length - 1] = '7'; /* 000...07 */
    ck_assert_int_eq(number_read(span_of(text, length), &number), NUMBER_OK);
    ck_assert_int_eq(number.text[0], '7');

    text[1] = '.'; /* 0.000...07 */
    ck_assert_int_eq(number_read(span_of(text, length), &number), NUMBER_PRECISION);

    /* 0.000...07 with an exponent that compensates for its zeros */
    const size_t digits = length - 7;
    memcpy(text + digits - 1, "7e262135", 8);
    ck_assert_int_eq(number_read(span_of(text, length), &number), NUMBER_OK);
    ck_assert_int_eq(number.length, 1);
    ck_assert_int_eq(number.text[0], '7');

    memset(text, '9', length);
    ck_assert_int_eq(number_read(span_of(text, length), &number), NUMBER_RANGE);
    text[1] = '.'; /* 9.999... */
    ck_assert_int_eq(number_read(span_of(text, length), &number), NUMBER_PRECISION);
    ck_assert(number.value == 10);
}
END_TEST

START_TEST(a_digit_far_behind_decides_at_a_border)
{
    /* 2^53 + 1 lies between two values and goes to the even one; anything more goes to the next. */
    static char text[5000];
    struct number number;
    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);
    ck_assert_int_eq(number_read(span_of(text, sizeof(text)), &number), NUMBER_PRECISION);
    ck_assert(number.value == 9007199254740992);
    text[sizeof(text) - 1] = '1';
    ck_assert_int_eq(number_read(span_of(text, sizeof(text)), &number), NUMBER_PRECISION);
    ck_assert(number.value == 9007199254740994);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("number");
    TCase *tests = tcase_create("number");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, texts_of_binary64);
    tcase_add_test(tests, what_is_read);
    tcase_add_test(tests, values_and_wholeness);
    tcase_add_test(tests, the_text_of_a_value_leads_back_to_it_and_stays);
    tcase_add_test(tests, no_shorter_text_leads_back);
    tcase_add_test(tests, fifteen_digits_always_survive_and_twenty_never_do);
    tcase_add_test(tests, decimals_of_a_quarter_million_digits);
    tcase_add_test(tests, a_digit_far_behind_decides_at_a_border);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
