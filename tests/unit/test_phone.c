/* The phone rule as a table: the level, the input and the result: a number in E.164, or a code and its message. Rows
 * that depend on the numbering plan hold for the release that common/data/numbering-plan.txt names. */
#include "tests/unit/field_fixture.h"

#include <unistr.h>

#include "common/phone.h"

#define POSSIBLE PHONE_POSSIBLE
#define PLAN     PHONE_PLAN
#define ASSIGNED PHONE_ASSIGNED

#define SAME NULL /* accepted unchanged */
#define PLUS "phone_plus: must begin with + and the country calling code, as in +12025550123"
#define STRAY(sign)                                                                                                    \
    "phone_character: \"" sign "\" has no place in a number, which is + and digits 0 to 9 with space - . ( ) between " \
    "them"
#define STRAY_CODE "phone_character" /* any message */
#define STRAY_AS(text)                                                                                                 \
    "phone_character: " text " has no place in a number, which is + and digits 0 to 9 with space - . ( ) between them"
#define REFUSED(countries) "country_not_allowed: is a number of " countries ", which the field does not allow"
#define OF_NO_COUNTRY(code)                                                                                            \
    "country_not_allowed: +" code " is the calling code of no country, must be one of a country that the field allows"
#define OPEN_END "phone_character: must end with a digit, not with a separator"

static const struct {
    enum phone_level level;
    struct span given;
    const char *expected;
} rows[] = {
    /* The example of the public API's documentation, and its neighbours. */
    {PLAN, SPAN("+14441234576"), SAME},
    {ASSIGNED, SPAN("+14441234576"), "phone_area_code: no number in +1 begins 444"},
    {POSSIBLE, SPAN("+14441234576"), SAME},
    {PLAN, SPAN("+12025550123"), SAME},
    {ASSIGNED, SPAN("+12025550123"), SAME},
    {POSSIBLE, SPAN("+10234567890"), SAME},
    {PLAN, SPAN("+10234567890"), "phone_area_code: no number in +1 begins 0"},
    {ASSIGNED, SPAN("+10234567890"), "phone_area_code: no number in +1 begins 0"},
    {POSSIBLE, SPAN("+11234567890"), SAME},
    {PLAN, SPAN("+11234567890"), "phone_area_code: no number in +1 begins 1"},
    {ASSIGNED, SPAN("+11234567890"), "phone_area_code: no number in +1 begins 1"},
    {PLAN, SPAN("+19175555555"), SAME},
    {ASSIGNED, SPAN("+19175555555"), SAME},
    {ASSIGNED, SPAN("+12023456789"), SAME},
    {ASSIGNED, SPAN("+12021456789"), "phone_area_code: no number in +1 begins 2021"},
    {ASSIGNED, SPAN("+12123456789"), SAME},
    {ASSIGNED, SPAN("+18005551212"), SAME},
    {ASSIGNED, SPAN("+12125550123"), SAME},

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

    /* Calling codes. */
    {PLAN, SPAN("+"), "phone_country_code: no digit follows the +"},
    {PLAN, SPAN("+0"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+01"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+0012025550123"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+012025550123"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+2"), "phone_country_code: +2 is only the beginning of a country calling code"},
    {PLAN, SPAN("+21"), "phone_country_code: +21 is only the beginning of a country calling code"},
    {PLAN, SPAN("+210"), "phone_country_code: +210 is not a country calling code"},
    {PLAN, SPAN("+2101234567"), "phone_country_code: +210 is not a country calling code"},
    {PLAN, SPAN("+999"), "phone_country_code: +999 is not a country calling code"},
    {PLAN, SPAN("+9991234567"), "phone_country_code: +999 is not a country calling code"},
    {PLAN, SPAN("+99"), "phone_country_code: +99 is only the beginning of a country calling code"},
    {PLAN, SPAN("+9"), "phone_country_code: +9 is only the beginning of a country calling code"},
    {PLAN, SPAN("+38"), "phone_country_code: +38 is only the beginning of a country calling code"},
    {PLAN, SPAN("+384123456"), "phone_country_code: +384 is not a country calling code"},
    {PLAN, SPAN("+4"), "phone_country_code: +4 is only the beginning of a country calling code"},
    {PLAN, SPAN("+42"), "phone_country_code: +42 is only the beginning of a country calling code"},
    {PLAN, SPAN("+422123456"), "phone_country_code: +422 is not a country calling code"},
    {PLAN, SPAN("+37"), "phone_country_code: +37 is only the beginning of a country calling code"},
    {PLAN, SPAN("+3"), "phone_country_code: +3 is only the beginning of a country calling code"},
    {PLAN, SPAN("+999 123"), "phone_country_code: +999 is not a country calling code"},
    {POSSIBLE, SPAN("+999123"), "phone_country_code: +999 is not a country calling code"},
    {ASSIGNED, SPAN("+999123"), "phone_country_code: +999 is not a country calling code"},
    {PLAN, SPAN("+8"), "phone_country_code: +8 is only the beginning of a country calling code"},
    {PLAN, SPAN("+80"), "phone_country_code: +80 is only the beginning of a country calling code"},
    {PLAN, SPAN("+801"), "phone_country_code: +801 is not a country calling code"},
    {PLAN, SPAN("+8011234567"), "phone_country_code: +801 is not a country calling code"},
    {PLAN, SPAN("+97"), "phone_country_code: +97 is only the beginning of a country calling code"},
    {PLAN, SPAN("+979"), "phone_length: +979 numbers have 9 digits after +979; this one has none"},
    {POSSIBLE, SPAN("+979123456789"), SAME},
    {ASSIGNED, SPAN("+979123456789"), SAME},
    {PLAN, SPAN("+979123456789"), SAME},
    {POSSIBLE, SPAN("+80012345678"), SAME},
    {PLAN, SPAN("+80012345678"), SAME},
    {ASSIGNED, SPAN("+80012345678"), SAME},
    {ASSIGNED, SPAN("+881612345678"), SAME},
    {ASSIGNED, SPAN("+88216123456"), SAME},
    {PLAN, SPAN("+88"), "phone_country_code: +88 is only the beginning of a country calling code"},
    {PLAN, SPAN("+889"), "phone_country_code: +889 is not a country calling code"},
    {PLAN, SPAN("+8891234567"), "phone_country_code: +889 is not a country calling code"},

    /* Lengths. */
    {PLAN, SPAN("+1"), "phone_length: +1 numbers have 10 digits after +1; this one has none"},
    {POSSIBLE, SPAN("+1"), "phone_length: +1 numbers have 10 digits after +1; this one has none"},
    {ASSIGNED, SPAN("+1"), "phone_length: +1 numbers have 10 digits after +1; this one has none"},
    {PLAN, SPAN("+12"), "phone_length: +1 numbers have 10 digits after +1; this one has 1"},
    {PLAN, SPAN("+120255501"), "phone_length: +1 numbers have 10 digits after +1; this one has 8"},
    {PLAN, SPAN("+1202555012"), "phone_length: +1 numbers have 10 digits after +1; this one has 9"},
    {PLAN, SPAN("+120255501234"), "phone_length: +1 numbers have 10 digits after +1; this one has 11"},
    {POSSIBLE, SPAN("+1202555012"), "phone_length: +1 numbers have 10 digits after +1; this one has 9"},
    {POSSIBLE, SPAN("+120255501234"), "phone_length: +1 numbers have 10 digits after +1; this one has 11"},
    {ASSIGNED, SPAN("+120255501234"), "phone_length: +1 numbers have 10 digits after +1; this one has 11"},
    {PLAN, SPAN("+2025550123"), "phone_length: +20 numbers that begin 2 have 9 digits after +20; this one has 8"},
    {PLAN, SPAN("+44"), "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has none"},
    {PLAN, SPAN("+4420"), "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 2"},
    {PLAN, SPAN("+4412345"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 5, enough for local calls only"},
    {PLAN, SPAN("+442079460958"), SAME},
    {PLAN, SPAN("+44207946095"), "phone_length: +44 numbers that begin 2 have 10 digits after +44; this one has 9"},
    {PLAN, SPAN("+4420794609581"), "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 11"},
    {ASSIGNED, SPAN("+44207946095"), "phone_length: +44 numbers that begin 2 have 10 digits after +44; this one has 9"},
    {POSSIBLE, SPAN("+44207946095"), SAME},
    {POSSIBLE, SPAN("+442079460"), SAME},
    {PLAN, SPAN("+442079460"), "phone_length: +44 numbers that begin 2 have 10 digits after +44; this one has 7"},
    {PLAN, SPAN("+448001111"), SAME},
    {ASSIGNED, SPAN("+448001111"), SAME},
    {ASSIGNED, SPAN("+448001112"),
     "phone_length: +44 numbers that begin 8001112 have 9 or 10 digits after +44; this one has 7"},
    {ASSIGNED, SPAN("+4480011112"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 8, enough for local calls only"},
    {ASSIGNED, SPAN("+448001111222"), SAME},
    {PLAN, SPAN("+49301"),
     "phone_length: +49 numbers have 4 to 13 digits after +49; this one has 3, enough for local calls only"},
    {PLAN, SPAN("+4930"),
     "phone_length: +49 numbers have 4 to 13 digits after +49; this one has 2, enough for local calls only"},
    {PLAN, SPAN("+49309018201234567"), "phone_length: a number has at most 15 digits; this one has 17"},
    {PLAN, SPAN("+491512345678901"), SAME},
    {POSSIBLE, SPAN("+491512345678901"), SAME},
    {PLAN, SPAN("+123456789012345"), "phone_length: +1 numbers have 10 digits after +1; this one has 14"},
    {PLAN, SPAN("+1234567890123456"), "phone_length: a number has at most 15 digits; this one has 16"},
    {POSSIBLE, SPAN("+1234567890123456"), "phone_length: a number has at most 15 digits; this one has 16"},
    {ASSIGNED, SPAN("+1234567890123456"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+9991234567890123"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+0000000000000000"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+44 2079460958 2079460958"), "phone_length: a number has at most 15 digits; this one has 22"},
    {PLAN, SPAN("+4742"), "phone_length: +47 numbers have 5 or 8 digits after +47; this one has 2"},
    {PLAN, SPAN("+86"), "phone_length: +86 numbers have 7 to 12 digits after +86; this one has none"},
    {PLAN, SPAN("+8620"), "phone_length: +86 numbers have 7 to 12 digits after +86; this one has 2"},
    {PLAN, SPAN("+35312345"),
     "phone_length: +353 numbers have 7 to 10 digits after +353; this one has 5, enough for local calls only"},

    /* Numbers that can be dialled only locally. */
    {POSSIBLE, SPAN("+15550123"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {PLAN, SPAN("+15550123"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {ASSIGNED, SPAN("+15550123"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {PLAN, SPAN("+13101234"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {ASSIGNED, SPAN("+13101234"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {PLAN, SPAN("+10123456"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {POSSIBLE, SPAN("+442079"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 4, enough for local calls only"},
    {PLAN, SPAN("+44207946"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 6, enough for local calls only"},
    {PLAN, SPAN("+55551234"), "phone_length: +55 numbers have 8 to 11 digits after +55; this one has 6"},

    /* Area codes. */
    {PLAN, SPAN("+440207946095"), "phone_area_code: no number in +44 begins 0"},
    {PLAN, SPAN("+44(0)2079460958"), "phone_area_code: no number in +44 begins 0"},
    {PLAN, SPAN("+440"), "phone_area_code: no number in +44 begins 0"},
    {PLAN, SPAN("+446123456789"), "phone_area_code: no number in +44 begins 6"},
    {POSSIBLE, SPAN("+446123456789"), SAME},
    {PLAN, SPAN("+39 612345678"), "phone_area_code: no number in +39 begins 6"},
    {PLAN, SPAN("+390612345678"), SAME},
    {ASSIGNED, SPAN("+390612345678"), SAME},
    {ASSIGNED, SPAN("+39612345678"), "phone_area_code: no number in +39 begins 6"},
    {PLAN, SPAN("+39612345678"), "phone_area_code: no number in +39 begins 6"},
    {ASSIGNED, SPAN("+442099460958"), "phone_area_code: no number in +44 begins 209"},
    {ASSIGNED, SPAN("+441134960000"), SAME},
    {ASSIGNED, SPAN("+441124960000"), "phone_area_code: no number in +44 begins 112"},
    {ASSIGNED, SPAN("+447911123456"), SAME},
    {ASSIGNED, SPAN("+447912345678"), SAME},
    {ASSIGNED, SPAN("+447612345678"), "phone_area_code: no number in +44 begins 761"},
    {PLAN, SPAN("+331234567"), "phone_length: +33 numbers have 9 digits after +33; this one has 7"},
    {PLAN, SPAN("+330123456789"), "phone_area_code: no number in +33 begins 0"},
    {PLAN, SPAN("+33123456789"), SAME},
    {ASSIGNED, SPAN("+33123456789"), SAME},
    {ASSIGNED, SPAN("+33023456789"), "phone_area_code: no number in +33 begins 0"},
    {PLAN, SPAN("+47123"), "phone_area_code: no number in +47 begins 1"},
    {PLAN, SPAN("+4712345678"), "phone_area_code: no number in +47 begins 1"},
    {PLAN, SPAN("+4721234567"), SAME},
    {ASSIGNED, SPAN("+4721234567"), SAME},
    {PLAN, SPAN("+61412345678"), SAME},
    {ASSIGNED, SPAN("+61412345678"), SAME},
    {ASSIGNED, SPAN("+61012345678"), "phone_area_code: no number in +61 begins 0"},
    {PLAN, SPAN("+61012345678"), "phone_area_code: no number in +61 begins 0"},
    {ASSIGNED, SPAN("+8613812345678"), SAME},
    {ASSIGNED, SPAN("+8613012345678"), SAME},
    {ASSIGNED, SPAN("+8610123"),
     "phone_length: +86 numbers have 7 to 12 digits after +86; this one has 5, enough for local calls only"},
    {ASSIGNED, SPAN("+551155256325"), SAME},
    {ASSIGNED, SPAN("+5511961234567"), SAME},
    {ASSIGNED, SPAN("+5491123456789"), SAME},
    {ASSIGNED, SPAN("+541123456789"), SAME},
    {ASSIGNED, SPAN("+5215512345678"), "phone_area_code: no number in +52 begins 1"},
    {ASSIGNED, SPAN("+525512345678"), SAME},
    {PLAN, SPAN("+5215512345678"), "phone_area_code: no number in +52 begins 1"},
    {ASSIGNED, SPAN("+919876543210"), SAME},
    {ASSIGNED, SPAN("+911234567890"), SAME},
    {PLAN, SPAN("+911234567890"), SAME},
    {ASSIGNED, SPAN("+81312345678"), SAME},
    {ASSIGNED, SPAN("+81012345678"), "phone_area_code: no number in +81 begins 01"},
    {ASSIGNED, SPAN("+818012345678"), SAME},
    {ASSIGNED, SPAN("+79161234567"), SAME},
    {ASSIGNED, SPAN("+77012345678"), SAME},
    {ASSIGNED, SPAN("+74951234567"), SAME},
    {ASSIGNED, SPAN("+71234567890"), "phone_area_code: no number in +7 begins 1"},
    {PLAN, SPAN("+71234567890"), "phone_area_code: no number in +7 begins 1"},
    {PLAN, SPAN("+70234567890"), "phone_area_code: no number in +7 begins 0"},
    {ASSIGNED, SPAN("+37211112222"), "phone_area_code: no number in +372 begins 1"},
    {ASSIGNED, SPAN("+3725123456"), SAME},
    {ASSIGNED, SPAN("+2290195123456"), SAME},
    {ASSIGNED, SPAN("+22995123456"), "phone_area_code: no number in +229 begins 9"},
    {ASSIGNED, SPAN("+85223456789"), SAME},
    {ASSIGNED, SPAN("+6421234567"), SAME},
    {ASSIGNED, SPAN("+972501234567"), "phone_area_code: no number in +972 begins 501"},
    {ASSIGNED, SPAN("+971501234567"), SAME},
    {ASSIGNED, SPAN("+2348031234567"), SAME},
    {ASSIGNED, SPAN("+27821234567"), SAME},
    {ASSIGNED, SPAN("+254712123456"), SAME},
    {ASSIGNED, SPAN("+351912345678"), SAME},
    {ASSIGNED, SPAN("+34612345678"), SAME},
    {ASSIGNED, SPAN("+34512345678"), SAME},
    {ASSIGNED, SPAN("+48512345678"), SAME},
    {ASSIGNED, SPAN("+420601123456"), SAME},
    {ASSIGNED, SPAN("+358412345678"), SAME},
    {ASSIGNED, SPAN("+46701234567"), SAME},
    {ASSIGNED, SPAN("+4512345678"), "phone_area_code: no number in +45 begins 1"},
    {ASSIGNED, SPAN("+41781234567"), SAME},
    {ASSIGNED, SPAN("+436641234567"), SAME},
    {ASSIGNED, SPAN("+32470123456"), SAME},
    {ASSIGNED, SPAN("+31612345678"), SAME},
    {ASSIGNED, SPAN("+31012345678"), "phone_area_code: no number in +31 begins 0"},
    {ASSIGNED, SPAN("+353850123456"), SAME},
    {ASSIGNED, SPAN("+30201234567"), "phone_area_code: no number in +30 begins 20"},
    {ASSIGNED, SPAN("+302123456789"), SAME},
    {ASSIGNED, SPAN("+905012345678"), SAME},
    {ASSIGNED, SPAN("+380501234567"), SAME},
    {ASSIGNED, SPAN("+6591234567"), SAME},
    {ASSIGNED, SPAN("+62812345678"), SAME},
    {ASSIGNED, SPAN("+84912345678"), SAME},
    {ASSIGNED, SPAN("+66812345678"), SAME},
    {ASSIGNED, SPAN("+639171234567"), SAME},
    {ASSIGNED, SPAN("+60123456789"), SAME},
    {ASSIGNED, SPAN("+821023456789"), SAME},
    {ASSIGNED, SPAN("+886912345678"), SAME},
    {ASSIGNED, SPAN("+5712345678"), "phone_area_code: no number in +57 begins 12"},
    {ASSIGNED, SPAN("+573211234567"), SAME},
    {ASSIGNED, SPAN("+56221234567"), SAME},
    {ASSIGNED, SPAN("+51912345678"), SAME},
    {ASSIGNED, SPAN("+201001234567"), SAME},
    {ASSIGNED, SPAN("+212650123456"), SAME},
    {ASSIGNED, SPAN("+966512345678"), SAME},
    {ASSIGNED, SPAN("+923012345678"), SAME},
    {ASSIGNED, SPAN("+8801812345678"), SAME},
};

/* The countries that a number belongs to. */
static const struct {
    const char *allowed; /* two letters each */
    const char *given, *expected;
} country_rows[] = {
    /* A calling code of one country. */
    {"DE", "+49 30 901820", "+4930901820"},
    {"FRDE", "+49 30 901820", "+4930901820"},
    {"FR", "+49 30 901820", REFUSED("DE")},
    {"PT", "+351912345678", SAME},

    /* A shared one: where the number is in use. */
    {"US", "+12025550123", SAME},
    {"CA", "+12025550123", REFUSED("US")},
    {"CA", "+15062345678", SAME},
    {"US", "+15062345678", REFUSED("CA")},
    {"JM", "+18762345678", SAME},
    {"US", "+18762345678", REFUSED("JM")},
    {"GB", "+442079460958", SAME},
    {"JE", "+442079460958", REFUSED("GB")},
    {"JE", "+441534456789", SAME},
    {"GB", "+441534456789", REFUSED("JE")},
    {"KZ", "+77710009998", SAME},
    {"RU", "+77710009998", REFUSED("KZ")},
    {"RU", "+79123456789", SAME},
    {"VA", "+390669812345", SAME},
    {"IT", "+390612345678", SAME},
    {"SJ", "+4779123456", SAME},
    {"AX", "+358181234567", SAME},
    {"FI", "+358181234567", REFUSED("AX")},

    /* In use in several countries: each of them matches. */
    {"US", "+18005551212", SAME},
    {"CA", "+18005551212", SAME},
    {"JM", "+18005551212", SAME},
    {"DE", "+18005551212", REFUSED("US, AG, AI, AS, BB or 20 others")},

    /* Kosovo has a calling code of its own, though none in ISO 3166-1; Ascension and Tristan da Cunha count as Saint
     * Helena. */
    {"XK", "+383 44 123 456", "+38344123456"},
    {"RSXKAL", "+38344123456", SAME},
    {"RS", "+38344123456", REFUSED("XK")},
    {"SH", "+24762889", SAME},
    {"SH", "+2908999", SAME},
    {"SH", "+29022158", SAME},
    {"GB", "+24762889", REFUSED("SH")},
    {"GB", "+2908999", REFUSED("SH")},
    {"GB", "+29022158", REFUSED("SH")},

    /* In use nowhere: by the leading digits, otherwise by the general pattern. */
    {"JM", "+18761234567", SAME},
    {"US", "+18761234567", REFUSED("JM")},
    {"US", "+14441234576", SAME},
    {"CA", "+14441234576", SAME},
    {"JM", "+14441234576", REFUSED("US or CA")},

    /* Of no country. */
    {"US", "+80012345678", OF_NO_COUNTRY("800")},
    {"US", "+881612345678", OF_NO_COUNTRY("881")},

    /* The country of an invalid number is not checked. */
    {"US", "+10234567890", "phone_area_code: no number in +1 begins 0"},
    {"US", "2025550123", PLUS},
};

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

#define COUNT_OF(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static struct field_fixture field_fixture;

static void set_up(void)
{
    field_fixture_open(&field_fixture, "phoneNumber");
}

static void reset_rules(void)
{
    field_fixture.field.rules = (struct rules){.has_phone = true, .phone = PLAN};
}

static void tear_down(void)
{
    field_fixture_close(&field_fixture);
}

/* The number, or "code: message". Lives until the next evaluation. */
static const char *outcome_of(struct span given)
{
    const char *outcome = field_fixture_string(&field_fixture, given);
    if (field_fixture_accepted(&field_fixture))
        return outcome;
    ck_assert_uint_eq(field_fixture.item.violation_count, 1);
    const struct span message = field_fixture.item.violations->message;
    return field_fixture_text(&field_fixture,
                              arena_format(&field_fixture.arena, "%s: %.*s", outcome, SPAN_FORMAT(message)));
}

/* A row's message is the error; a correction may follow after a semicolon, and has rows of its own. */
static const char *assert_outcome(struct span given, const char *expected)
{
    const char *outcome = outcome_of(given);
    const char *wanted = expected == SAME ? given.at : expected;
    const size_t length = strlen(wanted);
    const bool any_message = strcmp(wanted, STRAY_CODE) == 0 && outcome[length] == ':';
    const bool begins =
        strncmp(outcome, wanted, length) == 0 && (outcome[length] == '\0' || outcome[length] == ';' || any_message);
    ck_assert_msg(begins, "\"%.*s\" gives %s, not %s", given.length < 64 ? (int)given.length : 64, given.at, outcome,
                  wanted);
    return outcome;
}

/* An accepted value is E.164, and is accepted again unchanged, also at the lower levels. */
static void assert_settled(enum phone_level level, const char *outcome)
{
    if (!field_fixture_accepted(&field_fixture))
        return;
    char number[PHONE_DIGITS + 2];
    ck_assert_uint_lt(strlen(outcome), sizeof(number));
    strcpy(number, outcome);
    ck_assert_int_eq(number[0], '+');
    ck_assert_uint_eq(strspn(number + 1, "0123456789"), strlen(number + 1));
    for (int lower = POSSIBLE; lower <= (int)level; lower++) {
        field_fixture.field.rules.phone = (enum phone_level)lower;
        assert_outcome(span_of_text(number), SAME);
    }
}

START_TEST(rule_holds)
{
    field_fixture.field.rules.phone = rows[_i].level;
    assert_settled(rows[_i].level, assert_outcome(rows[_i].given, rows[_i].expected));
}
END_TEST

START_TEST(countries_hold)
{
    field_fixture.field.rules.has_countries = true;
    for (const char *country = country_rows[_i].allowed; *country != '\0'; country += 2)
        field_fixture.field.rules.countries[country[0] - 'A'] |= 1u << (country[1] - 'A');
    assert_outcome(span_of_text(country_rows[_i].given), country_rows[_i].expected);
}
END_TEST

START_TEST(json_holds)
{
    const char *outcome = field_fixture_json(&field_fixture, span_of_text(json_rows[_i].json));
    ck_assert_str_eq(outcome, json_rows[_i].expected == SAME ? json_rows[_i].json : json_rows[_i].expected);
}
END_TEST

/* The config's level applies unless the field has one. */
START_TEST(level_is_the_fields_or_the_configs)
{
    char text[64 + JSON_PADDING] = "\"+14441234576\"";
    struct json_document document;
    struct json_fault fault;
    ck_assert(json_parse(field_fixture.parser, text, strlen(text), 16, &field_fixture.arena, &document, &fault));
    struct config config = {0};
    struct check check = {.config = &config, .item = &field_fixture.item, .arena = &field_fixture.arena};
    struct span normal;
    for (int of_config = POSSIBLE; of_config <= ASSIGNED; of_config++) {
        config.validation.phone = of_config;
        field_fixture.field.rules.has_phone = false;
        ck_assert_int_eq(field_phone_evaluate(&check, &field_fixture.field, &document, 0, &normal),
                         of_config != ASSIGNED);
        field_fixture.field.rules.has_phone = true;
        for (int of_field = POSSIBLE; of_field <= ASSIGNED; of_field++) {
            field_fixture.field.rules.phone = (enum phone_level)of_field;
            ck_assert_int_eq(field_phone_evaluate(&check, &field_fixture.field, &document, 0, &normal),
                             of_field != ASSIGNED);
        }
    }
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

#define TREE_DIGITS 6
#define TREE_NODES  1111111 /* strings of up to TREE_DIGITS digits; the ten that continue node n begin at 10 n + 1 */

/* The digits of a node after a calling code. */
static struct span tree_digits(const char *code, int node, char digits[16])
{
    size_t length = strlen(code);
    for (int above = node; above > 0; above = (above - 1) / 10)
        length++;
    const struct span whole = span_of(digits, length);
    memcpy(digits, code, strlen(code));
    for (; node > 0; node = (node - 1) / 10)
        digits[--length] = (char)('0' + (node - 1) % 10);
    return whole;
}

/* The contract's rule for the kind of error, for every number that two small calling codes could have: the length if
 * the beginning matches with another length, otherwise the area code. */
START_TEST(kind_of_fault_follows_the_rule)
{
    const char *code = _i / PHONE_LEVELS == 0 ? "290" : "247"; /* of four or five, and of five or six digits */
    const enum phone_level level = (enum phone_level)(_i % PHONE_LEVELS);
    bool *good = malloc(TREE_NODES), *leads_to_good = malloc(TREE_NODES);
    ck_assert(good && leads_to_good);
    char digits[16], message[PHONE_MESSAGE_BYTES];

    for (int node = TREE_NODES - 1; node >= 0; node--) {
        good[node] = leads_to_good[node] = phone_has_level(tree_digits(code, node, digits), level);
        for (int next = 10 * node + 1; next <= 10 * node + 10 && next < TREE_NODES; next++)
            leads_to_good[node] |= leads_to_good[next];
    }
    ck_assert(leads_to_good[0]);
    for (int node = 0; node < TREE_NODES; node++) {
        bool fits = leads_to_good[node];
        for (int above = node; above > 0; above = (above - 1) / 10)
            fits |= good[above];
        const struct span number = tree_digits(code, node, digits);
        const enum phone_fault fault = phone_fault_of(number, level, message);
        const enum phone_fault wrong = fits ? PHONE_FAULT_LENGTH : PHONE_FAULT_AREA_CODE;
        const enum phone_fault wanted = good[node] ? PHONE_FAULT_NONE : wrong;
        if (fault != wanted) /* ck_assert is slow, and the numbers are many */
            ck_abort_msg("+%.*s: %d, not %d", SPAN_FORMAT(number), fault, wanted);
    }
    free(good);
    free(leads_to_good);
}
END_TEST

START_TEST(plan_has_a_version)
{
    const char *version = phone_plan_version();
    ck_assert_uint_gt(strlen(version), 0);
    ck_assert_uint_eq(strspn(version, "0123456789."), strlen(version));
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("phone");
    tcase_set_timeout(rules, 60);
    tcase_add_unchecked_fixture(rules, set_up, tear_down);
    tcase_add_checked_fixture(rules, reset_rules, NULL);
    tcase_add_loop_test(rules, rule_holds, 0, COUNT_OF(rows));
    tcase_add_loop_test(rules, countries_hold, 0, COUNT_OF(country_rows));
    tcase_add_loop_test(rules, json_holds, 0, COUNT_OF(json_rows));
    tcase_add_test(rules, level_is_the_fields_or_the_configs);
    tcase_add_test(rules, long_values_are_refused);
    tcase_add_test(rules, any_value_is_settled);
    tcase_add_test(rules, every_code_point_between_digits_is_checked);
    tcase_add_loop_test(rules, kind_of_fault_follows_the_rule, 0, 2 * PHONE_LEVELS);
    tcase_add_test(rules, plan_has_a_version);
    return field_fixture_run(rules, "phone");
}
