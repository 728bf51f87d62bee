/* The phone rule: how a number may be written, in strings of any length, in JSON, and after any mutation. */
#include "tests/unit/phone_stage.h"

#include <unistr.h>

#include "common/phone.h"

#define STRAY(sign)                                                                                                    \
    "phone_character: \"" sign "\" has no place in a number, which is + and digits 0 to 9 with space - . ( ) between " \
    "them"
#define STRAY_AS(text)                                                                                                 \
    "phone_character: " text " has no place in a number, which is + and digits 0 to 9 with space - . ( ) between them"
#define OPEN_END "phone_character: must end with a digit, not with a separator"

static const struct phone_row rows[] = {
    /* Separators between the plus and the last digit are removed. */
    {PLAN, SPAN("+1 202 555 0123"), "+12025550123"},
    {PLAN, SPAN("+1-202-555-0123"), "+12025550123"},
    {PLAN, SPAN("+1.202.555.0123"), "+12025550123"},
    {PLAN, SPAN("+1 (202) 555-0123"), "+12025550123"},
    {PLAN, SPAN("+(1)2025550123"), "+12025550123"},
    {PLAN, SPAN("+1(202)5550123"), "+12025550123"},
    {PLAN, SPAN("+ 1 2025550123"), "+12025550123"},
    {PLAN, SPAN("+-1-2025550123"), "+12025550123"},
    {PLAN, SPAN("+1--202..555((0123"), "+12025550123"},
    {PLAN, SPAN("+)1(202)5550123"), "+12025550123"},
    {PLAN, SPAN("+1 202 555 012 3"), "+12025550123"},
    {PLAN, SPAN("+44 (20) 7946 0958"), "+442079460958"},
    {PLAN, SPAN("+44.20.7946.0958"), "+442079460958"},
    {PLAN, SPAN("+39 06 1234 5678"), "+390612345678"},
    {PLAN, SPAN("+49 (30) 901820"), "+4930901820"},
    {PLAN, SPAN("+33 1 23 45 67 89"), "+33123456789"},

    /* Outer white space of any kind is removed. */
    {PLAN, SPAN(" +12025550123"), "+12025550123"},
    {PLAN, SPAN("+12025550123 "), "+12025550123"},
    {PLAN, SPAN("\t+12025550123\n"), "+12025550123"},
    {PLAN, SPAN("\r\n+12025550123\r\n"), "+12025550123"},
    {PLAN, SPAN("\302\240+12025550123\302\240"), "+12025550123"},
    {PLAN, SPAN("\342\200\203+1 202 555 0123\343\200\200"), "+12025550123"},
    {PLAN, SPAN("\342\200\250+12025550123\302\205"), "+12025550123"},
    {PLAN, SPAN("\013+12025550123\014"), "+12025550123"},

    /* Separators of other scripts, as people copy them from pages and documents. */
    {PLAN, SPAN("+1\u00a0202\u00a0555\u00a00123"), "+12025550123"},
    {PLAN, SPAN("+1\u2009202\u202f555\u30000123"), "+12025550123"},
    {PLAN, SPAN("+1\u1680202\u2000555\u205f0123"), "+12025550123"},
    {PLAN, SPAN("+1\t202\t5550123"), "+12025550123"},
    {PLAN, SPAN("+1\u2010202\u2011555\u20120123"), "+12025550123"},
    {PLAN, SPAN("+1\u2013202\u2014555\u20150123"), "+12025550123"},
    {PLAN, SPAN("+1\u2212202\uff0d555\uff0e0123"), "+12025550123"},
    {PLAN, SPAN("\uff0b1\uff08202\uff09555\uff0d0123"), "+12025550123"},
    {PLAN, SPAN("\uff0b12025550123"), "+12025550123"},
    {PLAN, SPAN("\u3000\uff0b 1 202 555 0123\u3000"), "+12025550123"},

    /* Invisible characters of copied numbers are removed, in any position. */
    {PLAN, SPAN("\u202a+12025550123\u202c"), "+12025550123"},
    {PLAN, SPAN("\u202d+1 202 555 0123\u202c "), "+12025550123"},
    {PLAN, SPAN("\u2066+12025550123\u2069"), "+12025550123"},
    {PLAN, SPAN(" \u200e \u202a +12025550123 \u202c \u200e "), "+12025550123"},
    {PLAN, SPAN("\ufeff+12025550123"), "+12025550123"},
    {PLAN, SPAN("\u200b+12025550123"), "+12025550123"},
    {PLAN, SPAN("+\u200e12025550123"), "+12025550123"},
    {PLAN, SPAN("+1\u00ad202\u200b555\u200c01\u200d23\u2060"), "+12025550123"},
    {PLAN, SPAN("+1\u061c202\u200f555\u202b01\u202e23"), "+12025550123"},
    {PLAN, SPAN("+1\u2067202\u2068555\u20690123\ufeff"), "+12025550123"},
    {PLAN, SPAN("+1 202 555 0123\u200b\u00a0\u202c"), "+12025550123"},
    {PLAN, SPAN("\u200b12025550123"), PLUS},
    {PLAN, SPAN("\u200b"), PLUS},
    {PLAN, SPAN("+\u200b"), "phone_country_code: no digit follows the +"},

    /* No plus. */
    {PLAN, SPAN("12025550123"), PLUS},
    {PLAN, SPAN("0012025550123"), PLUS},
    {PLAN, SPAN("01112025550123"), PLUS},
    {PLAN, SPAN("2025550123"), PLUS},
    {PLAN, SPAN("(+1) 2025550123"), PLUS},
    {PLAN, SPAN("-+12025550123"), PLUS},
    {PLAN, SPAN("1+2025550123"), PLUS},
    {PLAN, SPAN("\u2212\uff0b12025550123"), PLUS},
    {PLAN, SPAN("\ufe6212025550123"), PLUS}, /* the small plus */
    {PLAN, SPAN("\u207a12025550123"), PLUS}, /* the superscript one */
    {PLAN, SPAN("tel:+12025550123"), PLUS},
    {PLAN, SPAN("phone"), PLUS},
    {PLAN, SPAN("-"), PLUS},
    {PLAN, SPAN(" "), PLUS},
    {PLAN, SPAN("\343\200\200"), PLUS},
    {PLAN, SPAN("\000+12025550123"), PLUS},
    {PLAN, SPAN("911"), PLUS},

    /* Characters that are not allowed in a number. */
    {PLAN, SPAN("++12025550123"), STRAY("+")},
    {PLAN, SPAN("+1+2025550123"), STRAY("+")},
    {PLAN, SPAN("+1 202 555 0123 x5"), STRAY("x")},
    {PLAN, SPAN("+1 202 555 0123 ext. 5"), STRAY("e")},
    {PLAN, SPAN("+12025550123;ext=5"), STRAY(";")},
    {PLAN, SPAN("+12025550123,5"), STRAY(",")},
    {PLAN, SPAN("+12025550123#5"), STRAY("#")},
    {PLAN, SPAN("+12025550123*"), STRAY("*")},
    {PLAN, SPAN("+1-800-FLOWERS"), STRAY("F")},
    {PLAN, SPAN("+1/202/5550123"), STRAY("/")},
    {PLAN, SPAN("+1_2025550123"), STRAY("_")},
    {PLAN, SPAN("+1\n2025550123"), STRAY_AS("U+000A")},
    {PLAN, SPAN("+1\r2025550123"), STRAY_AS("U+000D")},
    {PLAN, SPAN("+1\v2025550123"), STRAY_AS("U+000B")},
    {PLAN, SPAN("+1\f2025550123"), STRAY_AS("U+000C")},
    {PLAN, SPAN("+1\302\2052025550123"), STRAY_AS("U+0085")},
    {PLAN, SPAN("+1\u20282025550123"), STRAY_AS("U+2028")},
    {PLAN, SPAN("+1\u20292025550123"), STRAY_AS("U+2029")},
    {PLAN, SPAN("+1\uff0b2025550123"), STRAY_CODE},
    {PLAN, SPAN("\uff0b+12025550123"), STRAY("+")},
    {PLAN, SPAN("+1\uff0f2025550123"), STRAY_CODE},
    {PLAN, SPAN("+1\u20162025550123"), STRAY_CODE},
    {PLAN, SPAN("+1\u20432025550123"), STRAY_CODE},
    {PLAN, SPAN("+1\ufe002025550123"), STRAY_AS("U+FE00")},
    {PLAN, SPAN("+1\u034f2025550123"), STRAY_AS("U+034F")},
    {PLAN,
     SPAN("+\357\274\221\357\274\222\357\274\220\357\274\222\357\274\225\357\274\225\357\274\225\357\274\220\357\274"
          "\221\357\274\222\357\274\223"),
     STRAY_AS("\"\357\274\221\" (U+FF11)")},
    {PLAN, SPAN("+1202555012\357\274\223"), STRAY_AS("\"\357\274\223\" (U+FF13)")},
    {PLAN, SPAN("+\331\241\331\242\331\240\331\242\331\245\331\245\331\245\331\240\331\241\331\242\331\243"),
     STRAY_AS("\"\331\241\" (U+0661)")},
    {PLAN, SPAN("+1\302\2622025550123"), STRAY_AS("\"\302\262\" (U+00B2)")},
    {PLAN, SPAN("+1\000"), STRAY_AS("U+0000")},
    {PLAN, SPAN("+12025550123\000"), STRAY_AS("U+0000")},
    {PLAN, SPAN("+1202555012\360\235\237\257"), STRAY_AS("\"\360\235\237\257\" (U+1D7EF)")},
    {PLAN, SPAN("+1[202]5550123"), STRAY("[")},
    {PLAN, SPAN("+1{202}5550123"), STRAY("{")},
    {PLAN, SPAN("+1:2025550123"), STRAY(":")},
    {PLAN, SPAN("+1'2025550123"), STRAY("'")},
    {PLAN, SPAN("+1e9"), STRAY("e")},
    {PLAN, SPAN("+0x1F"), STRAY("x")},
    {PLAN, SPAN("+12025550123-"), OPEN_END},
    {PLAN, SPAN("+12025550123."), OPEN_END},
    {PLAN, SPAN("+12025550123("), OPEN_END},
    {PLAN, SPAN("+1 (202) 555-0123)"), OPEN_END},
    {PLAN, SPAN("+12025550123\u2013"), OPEN_END},
    {PLAN, SPAN("+12025550123)\u202c"), OPEN_END},
    {PLAN, SPAN("+12025550123 \uff09 "), OPEN_END},
    {PLAN, SPAN("+()"), OPEN_END},
    {PLAN, SPAN("+-"), OPEN_END},
    {PLAN, SPAN("+ -"), OPEN_END},
};

START_TEST(rule_holds)
{
    assert_row(&rows[_i]);
}
END_TEST

/* Values that are not strings, and strings with escapes. */
static const struct {
    const char *json, *expected; /* as JSON, or codes */
} json_rows[] = {
    {"\"+12025550123\"", SAME},
    {"\"\\u002b12025550123\"", "\"+12025550123\""},
    {"\"+1\\u00202025550123\"", "\"+12025550123\""},
    {"\"\\t+1202555012\\u0033\\n\"", "\"+12025550123\""},
    {"12025550123", "type_mismatch"},
    {"1e10", "type_mismatch"},
    {"true", "type_mismatch"},
    {"false", "type_mismatch"},
    {"[\"+12025550123\"]", "type_mismatch"},
    {"{\"number\": \"+12025550123\"}", "type_mismatch"},
};

START_TEST(json_holds)
{
    const char *outcome = field_fixture_json(&field_fixture, span_of_text(json_rows[_i].json));
    ck_assert_str_eq(outcome, json_rows[_i].expected == SAME ? json_rows[_i].json : json_rows[_i].expected);
}
END_TEST

/* Very long values give a short message. */
START_TEST(long_values_are_refused)
{
    static const struct {
        char filler;
        const char *begin, *expected;
    } fillings[] = {
        {'1', "+", "phone_length: a number has at most 15 digits; this one has 200000"},
        {'0', "+", "phone_length: a number has at most 15 digits; this one has 200000"},
        {' ', "+12025550123(", OPEN_END},
        {'+', "", STRAY("+")},
        {'x', "+", STRAY("x")},
        {'x', "", PLUS},
    };
    enum { LENGTH = 200000 };
    char *text = malloc(LENGTH + 64);
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < COUNT_OF(fillings); i++) {
        const size_t length = (size_t)sprintf(text, "%s", fillings[i].begin);
        memset(text + length, fillings[i].filler, LENGTH);
        if (fillings[i].filler == ' ')
            text[length + LENGTH - 1] = '(';
        assert_outcome(span_of(text, length + LENGTH), fillings[i].expected);
    }
    /* Any number of separators is allowed. */
    const size_t length = (size_t)sprintf(text, "+1");
    memset(text + length, '-', LENGTH);
    memcpy(text + length + LENGTH, "2025550123", 10);
    assert_outcome(span_of(text, length + LENGTH + 10), "+12025550123");
    free(text);
}
END_TEST

/* After any mutation a number is refused with one message, or accepted and stable. */
START_TEST(any_value_is_settled)
{
    static const char *const numbers[] = {"+1 (202) 555-0123", "+442079460958", "+39 06 1234 5678", "+8613812345678",
                                          "+5491123456789",    "+2905123",      "+80012345678",     "+18005551212"};
    static const char *const pieces[] = {
        "0",      "1",      "2",      "3",      "4",      "5",      "6",      "7",      "8",         "9",
        "00",     "+",      " ",      "-",      ".",      "(",      ")",      "x",      "/",         "\n",
        "\u00a0", "\uff11", "\t",     "\u00ad", "\u200b", "\u202a", "\u202c", "\u2011", "\u2013",    "\u2212",
        "\u3000", "\uff0b", "\uff08", "\uff09", "\u2028", "\ufeff", "\ufe0f", "é",      "123456789", "𝟯"};
    uint64_t seed = 1;
    int accepted = 0;
    for (int i = 0; i < 6000; i++) {
        char text[256];
        const enum phone_level level = (enum phone_level)(i % 3);
        const size_t length =
            field_fixture_mutate(numbers[i % COUNT_OF(numbers)], pieces, COUNT_OF(pieces), &seed, text, sizeof(text));
        field_fixture.field.rules.phone = level;
        const char *outcome = outcome_of(span_of(text, length));
        accepted += field_fixture_accepted(&field_fixture);
        assert_settled(level, outcome);
    }
    ck_assert_int_gt(accepted, 600);
    ck_assert_int_lt(accepted, 5400);
}
END_TEST

/* The contract's list, and nothing else; beyond U+FFFF, where none of it is, a sample. */
START_TEST(every_code_point_between_digits_is_checked)
{
    static const uint32_t dropped[][2] = {
        {'\t', '\t'},     {' ', ' '},       {'(', ')'},       {'-', '.'},       {0xa0, 0xa0},     {0xad, 0xad},
        {0x61c, 0x61c},   {0x1680, 0x1680}, {0x2000, 0x200f}, {0x2010, 0x2015}, {0x202a, 0x202f}, {0x205f, 0x2060},
        {0x2066, 0x2069}, {0x2212, 0x2212}, {0x3000, 0x3000}, {0xfeff, 0xfeff}, {0xff08, 0xff09}, {0xff0d, 0xff0e},
    };
    for (uint32_t code_point = 1; code_point <= 0x10ffff; code_point += code_point < 0xffff ? 1 : 61) {
        if ((code_point >= '0' && code_point <= '9') || (code_point >= 0xd800 && code_point <= 0xdfff))
            continue;
        char text[32] = "+1202";
        const int size = u8_uctomb((uint8_t *)text + 5, code_point, 4);
        memcpy(text + 5 + size, "5550123", 8);
        bool is_dropped = false;
        for (int i = 0; i < COUNT_OF(dropped); i++)
            is_dropped |= code_point >= dropped[i][0] && code_point <= dropped[i][1];
        const char *outcome = field_fixture_string(&field_fixture, span_of_text(text));
        if (strcmp(outcome, is_dropped ? "+12025550123" : "phone_character") != 0)
            ck_abort_msg("U+%04X gives %s", (unsigned)code_point, outcome);
    }
}
END_TEST

int main(void)
{
    TCase *rules = phone_case();
    tcase_add_loop_test(rules, rule_holds, 0, COUNT_OF(rows));
    tcase_add_loop_test(rules, json_holds, 0, COUNT_OF(json_rows));
    tcase_add_test(rules, long_values_are_refused);
    tcase_add_test(rules, any_value_is_settled);
    tcase_add_test(rules, every_code_point_between_digits_is_checked);
    return field_fixture_run(rules, "phone");
}
