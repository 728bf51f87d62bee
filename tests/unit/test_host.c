/* Hosts alone: names with and without Unicode, IPv4, IPv6. The tests of the email and the URL rule show how these
 * use them. */
#include <stdio.h>
#include <unistr.h>

#include "common/host.h"
#include "common/host_address.h"
#include "tests/unit/field_fixture.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10
#define A63 A60 "aaa"

static const struct {
    const char *given, *written; /* written NULL: refused */
    unsigned labels;
    enum host_fault fault;
} names[] = {
    {"a", "a", 1, HOST_OK},
    {"A.B.C", "a.b.c", 3, HOST_OK},
    {"example.com", "example.com", 2, HOST_OK},
    {"a-b.c--d", "a-b.c--d", 2, HOST_OK},
    {"1.a", "1.a", 2, HOST_OK},
    {A63 ".a", A63 ".a", 2, HOST_OK},
    {"ü", "xn--tda", 1, HOST_OK},
    {"Ü。ü", "xn--tda.xn--tda", 2, HOST_OK},
    {"ｅｘ．ｃｏｍ", "ex.com", 2, HOST_OK},
    {"ｘｎ－－ｔｄａ", "xn--tda", 1, HOST_OK},
    {"XN--TDA", "xn--tda", 1, HOST_OK},
    {"क्ष", "xn--11b2ezc", 1, HOST_OK},
    {"क्\u200dष", "xn--11b2ezcw70k", 1, HOST_OK},
    {"xn--11b2ezcw70k", "xn--11b2ezcw70k", 1, HOST_OK},
    {"ς", "xn--3xa", 1, HOST_OK},
    {"σ", "xn--4xa", 1, HOST_OK},
    {"Σ", "xn--4xa", 1, HOST_OK},

    /* The capital sharp s becomes the small one, in any position and next to any other letter. */
    {"faß.de", "xn--fa-hia.de", 2, HOST_OK},
    {"FAẞ.de", "xn--fa-hia.de", 2, HOST_OK},
    {"STRAẞE.de", "xn--strae-oqa.de", 2, HOST_OK},
    {"straẞe.DE", "xn--strae-oqa.de", 2, HOST_OK},
    {"ẞ", "xn--zca", 1, HOST_OK},
    {"ßẞ", "xn--zcaa", 1, HOST_OK},
    {"üẞ.ẞü", "xn--zca1d.xn--zca2d", 2, HOST_OK},
    {"FASS.de", "fass.de", 2, HOST_OK},

    {"", NULL, 0, HOST_EMPTY},
    {".", NULL, 0, HOST_EMPTY_LABEL},
    {"a.", NULL, 0, HOST_EMPTY_LABEL},
    {".a", NULL, 0, HOST_EMPTY_LABEL},
    {"a..b", NULL, 0, HOST_EMPTY_LABEL},
    {"a。", NULL, 0, HOST_EMPTY_LABEL},
    {"a_b", NULL, 0, HOST_CHARACTER},
    {"a b", NULL, 0, HOST_CHARACTER},
    {"a/b", NULL, 0, HOST_CHARACTER},
    {"a@b", NULL, 0, HOST_CHARACTER},
    {"a:1", NULL, 0, HOST_CHARACTER},
    {"[::1]", NULL, 0, HOST_CHARACTER},
    {"ü_", NULL, 0, HOST_CHARACTER},
    {"ü＿a", NULL, 0, HOST_CHARACTER},
    {"⒜", NULL, 0, HOST_CHARACTER},
    {"-a", NULL, 0, HOST_HYPHEN},
    {"a-", NULL, 0, HOST_HYPHEN},
    {"-", NULL, 0, HOST_HYPHEN},
    {"xn--", NULL, 0, HOST_HYPHEN},
    {A63 "a", NULL, 0, HOST_LABEL_LENGTH},
    {A63 "." A63 "." A63 "." A60 "aa", NULL, 0, HOST_NAME_LENGTH},
    {"xn--a", NULL, 0, HOST_IDN},
    {"xn--bcher", NULL, 0, HOST_IDN},
    {"xn--ab-miv", NULL, 0, HOST_IDN},
    {"xn--1ch", NULL, 0, HOST_IDN},
    {"≠", NULL, 0, HOST_IDN},
    {"☃", NULL, 0, HOST_IDN},
    {"-ü", NULL, 0, HOST_IDN},
    {"ü-", NULL, 0, HOST_IDN},
    {"üa--b", NULL, 0, HOST_IDN},
    {"ab--ü", NULL, 0, HOST_IDN},
    {"\u0301", NULL, 0, HOST_IDN},
    {"aא", NULL, 0, HOST_IDN},
    {"١٢", NULL, 0, HOST_IDN},
    {"\u0378", NULL, 0, HOST_IDN},

    /* Characters that need a context: middle dot, keraia, geresh, gershayim, katakana middle dot, Arabic digits. */
    {"l·l", "xn--ll-0ea", 1, HOST_OK},
    {"a·l", NULL, 0, HOST_IDN},
    {"xn--al-0ea", NULL, 0, HOST_IDN},
    {"α͵β", "xn--wva3je", 1, HOST_OK},
    {"α͵", NULL, 0, HOST_IDN},
    {"א׳ב", "xn--4dbc5h", 1, HOST_OK},
    {"׳ב", NULL, 0, HOST_IDN},
    {"א״ב", "xn--4dbc8h", 1, HOST_OK},
    {"״ב", NULL, 0, HOST_IDN},
    {"ア・ア", "xn--ccka0y", 1, HOST_OK},
    {"・", NULL, 0, HOST_IDN},
    {"ب٠۰", NULL, 0, HOST_IDN},

    /* Right to left, RFC 5893: one such label constrains all. */
    {"א.a", "xn--4db.a", 2, HOST_OK},
    {"a.א", "a.xn--4db", 2, HOST_OK},
    {"a1.א", "a1.xn--4db", 2, HOST_OK},
    {"à.א", "xn--0ca.xn--4db", 2, HOST_OK},
    {"א1", "xn--1-zhc", 1, HOST_OK},
    {"ب٠", "xn--ngb6i", 1, HOST_OK},
    {"1à.a", "xn--1-sfa.a", 2, HOST_OK},
    {"0a.a", "0a.a", 2, HOST_OK},
    {"0a.א", NULL, 0, HOST_IDN},
    {"א.0a", NULL, 0, HOST_IDN},
    {"א.0à", NULL, 0, HOST_IDN},
    {"0.xn--4db", NULL, 0, HOST_IDN},
    {"1א", NULL, 0, HOST_IDN},
    {"א1٠", NULL, 0, HOST_IDN},
    {"אa", NULL, 0, HOST_IDN},
    {"1", NULL, 0, HOST_NUMBER},
    {"a.1", NULL, 0, HOST_NUMBER},
    {"127.0.0.1", NULL, 0, HOST_NUMBER},
    {"a.0x1F", NULL, 0, HOST_NUMBER},
    {"１", NULL, 0, HOST_NUMBER},
};

START_TEST(names_are_read_and_lowered)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct host host;
        const enum host_fault fault = host_read_name(span_of_text(names[i].given), &host);
        ck_assert_msg(fault == names[i].fault, "\"%s\" %s (%d)", names[i].given, host_fault_text(fault), fault);
        if (fault != HOST_OK)
            continue;
        ck_assert_msg(span_equal(span_of(host.text, host.length), span_of_text(names[i].written)),
                      "\"%s\" gives %.*s, not %s", names[i].given, (int)host.length, host.text, names[i].written);
        ck_assert_uint_eq(host.labels, names[i].labels);
        struct host again;
        ck_assert_int_eq(host_read_name(span_of_text(names[i].written), &again), HOST_OK);
        ck_assert(span_equal(span_of(again.text, again.length), span_of_text(names[i].written)));
    }
}
END_TEST

/* No invisible character is dropped: each is a fault that names it. */
static const struct {
    const char *given;
    uint32_t code_point;
} unseen[] = {
    {"a\u00adb", 0xad},
    {"\u00ad", 0xad},
    {"\u00ad.com", 0xad},
    {"exa\u200bmple.com", 0x200b},
    {"example.com\u200b", 0x200b},
    {"\u200bexample.com", 0x200b},
    {"example.\u200b.com", 0x200b},
    {"a\u034fb", 0x34f},
    {"a\u061cb", 0x61c},
    {"a\u115fb", 0x115f},
    {"a\u180bb", 0x180b},
    {"a\u180eb", 0x180e},
    {"a\u200eb", 0x200e},
    {"a\u202eb", 0x202e},
    {"a\u2060b", 0x2060},
    {"a\u2064b", 0x2064},
    {"a\u2066b", 0x2066},
    {"a\u3164b", 0x3164},
    {"a\ufe00b", 0xfe00},
    {"☃\ufe0f", 0xfe0f},
    {"ü\ufe0f.com", 0xfe0f},
    {"a\ufeffb", 0xfeff},
    {"a\uffa0b", 0xffa0},
    {"a\U0001d173b", 0x1d173},
    {"日\U000e0100本.jp", 0xe0100},
    {"a\U000e0001b", 0xe0001},
    {"ü\u200b\u2060", 0x200b}, /* the first */

    /* Joiners are part of a name where IDNA allows them, and only there. */
    {"a\u200cb", 0x200c},
    {"a\u200db", 0x200d},
    {"\u200d", 0x200d},
    {"ü\u200d", 0x200d},

    /* The same in A-labels. */
    {"xn--ab-5da", 0xad},
    {"xn--ab-g1t", 0x200b},
    {"xn--ab-j1t", 0x200c},
    {"XN--AB-G1T.com", 0x200b},
};

START_TEST(what_is_not_shown_is_named)
{
    for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
        struct host host;
        const enum host_fault fault = host_read(span_of_text(unseen[i].given), &host);
        ck_assert_msg(fault == HOST_INVISIBLE && host.invisible == unseen[i].code_point, "\"%s\" %s (%d), U+%04X",
                      unseen[i].given, host_fault_text(fault), fault, (unsigned)host.invisible);
    }
}
END_TEST

/* Every character between two letters is refused, or becomes part of the name: no name turns into another one by
 * losing a character. */
START_TEST(no_character_is_dropped)
{
    unsigned taken = 0;
    for (uint32_t code_point = 0x80; code_point < 0xe1000; code_point++) {
        if (code_point == 0xd800)
            code_point = 0xe000;
        if (code_point == 0x20000) /* planes 2 and 3 hold only Chinese characters */
            code_point = 0xe0000;
        char text[16] = "a";
        const int size = u8_uctomb((uint8_t *)text + 1, code_point, 4);
        memcpy(text + 1 + size, "b", 2);
        struct host host, again;
        if (host_read_name(span_of_text(text), &host) != HOST_OK)
            continue;
        taken++;
        const struct span written = span_of(host.text, host.length);
        if (span_equal(written, SPAN("ab")))
            ck_abort_msg("U+%04X is dropped", (unsigned)code_point);
        if (host_read_name(written, &again) != HOST_OK || !span_equal(span_of(again.text, again.length), written))
            ck_abort_msg("U+%04X gives %.*s, which is not read again", (unsigned)code_point, SPAN_FORMAT(written));
    }
    ck_assert_uint_gt(taken, 50000);
}
END_TEST

START_TEST(nul_is_a_character_like_others)
{
    struct host host;
    ck_assert_int_eq(host_read_name(SPAN("a\0b"), &host), HOST_CHARACTER);
    ck_assert_int_eq(host_read_name(SPAN("ü\0b"), &host), HOST_CHARACTER);
    ck_assert_int_eq(host_read_name(SPAN("xn--tda\0"), &host), HOST_CHARACTER);
    ck_assert_int_eq(host_read(SPAN("\0"), &host), HOST_CHARACTER);
    ck_assert_int_eq(host_read(SPAN("[::1\0]"), &host), HOST_IPV6);
    ck_assert_int_eq(host_read(SPAN("1.2.3.4\0"), &host), HOST_CHARACTER);
}
END_TEST

START_TEST(a_name_of_any_length_is_survived)
{
    static char text[100000];
    struct host host;
    memset(text, 'a', sizeof(text));
    ck_assert_int_eq(host_read_name(span_of(text, sizeof(text)), &host), HOST_LABEL_LENGTH);
    memset(text, '.', sizeof(text));
    ck_assert_int_eq(host_read_name(span_of(text, sizeof(text)), &host), HOST_EMPTY_LABEL);
    for (size_t i = 0; i < sizeof(text); i += 2)
        text[i] = 'a';
    ck_assert_int_eq(host_read_name(span_of(text, sizeof(text) - 1), &host), HOST_NAME_LENGTH);
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "ü", 2);
    ck_assert_int_eq(host_read_name(span_of(text, sizeof(text)), &host), HOST_LABEL_LENGTH);
    ck_assert_int_eq(host_read_name(span_of(text, 512), &host), HOST_IDN);
    ck_assert_int_eq(host_read_name(span_of(text, 110), &host), HOST_OK);
}
END_TEST

START_TEST(a_host_of_a_url_may_be_an_address_or_end_at_the_root)
{
    static const struct {
        const char *given, *written;
        enum host_fault fault;
    } rows[] = {
        {"a.b.", "a.b.", HOST_OK},       {"a.b..", NULL, HOST_EMPTY_LABEL}, {".", NULL, HOST_EMPTY_LABEL},
        {"", NULL, HOST_EMPTY},          {"1.2.3.4", "1.2.3.4", HOST_OK},   {"1.2.3.4.", NULL, HOST_NUMBER},
        {"1.2.3.04", NULL, HOST_NUMBER}, {"[::1]", "[::1]", HOST_OK},       {"[::1", NULL, HOST_IPV6},
        {"[::1].", NULL, HOST_IPV6},     {"[", NULL, HOST_CHARACTER},       {"[]", NULL, HOST_IPV6},
        {"::1", NULL, HOST_CHARACTER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct host host;
        const enum host_fault fault = host_read(span_of_text(rows[i].given), &host);
        ck_assert_msg(fault == rows[i].fault, "\"%s\" %s", rows[i].given, host_fault_text(fault));
        if (fault == HOST_OK)
            ck_assert(span_equal(span_of(host.text, host.length), span_of_text(rows[i].written)));
    }
}
END_TEST

START_TEST(every_ipv4_number_is_decimal_and_at_most_255)
{
    for (unsigned value = 0; value < 1100; value++) {
        char text[32];
        for (int place = 0; place < 4; place++) {
            snprintf(text, sizeof(text), "%u.%u.%u.%u", place == 0 ? value : 1, place == 1 ? value : 1,
                     place == 2 ? value : 1, place == 3 ? value : 1);
            ck_assert_msg(ipv4_is_valid(span_of_text(text)) == (value <= 255), "%s", text);
        }
        snprintf(text, sizeof(text), "1.1.1.0%u", value);
        ck_assert_msg(!ipv4_is_valid(span_of_text(text)), "%s", text);
    }
}
END_TEST

/* Every pattern of zero and other groups: written by RFC 5952 and read back to the same groups, also from the long
 * form. */
START_TEST(every_ipv6_shape_is_written_and_read_back)
{
    for (unsigned zeros = 0; zeros < 256; zeros++) {
        uint16_t groups[IPV6_GROUPS], back[IPV6_GROUPS];
        char text[IPV6_TEXT_BYTES + 1], full[64] = "";
        for (unsigned i = 0; i < IPV6_GROUPS; i++) {
            groups[i] = zeros >> i & 1 ? 0 : (uint16_t)(0xa0 + i);
            snprintf(full + strlen(full), sizeof(full) - strlen(full), "%s%04X", i > 0 ? ":" : "", groups[i]);
        }
        const size_t length = ipv6_write(groups, text);
        text[length] = '\0';
        ck_assert_msg(ipv6_read(span_of(text, length), back) && memcmp(groups, back, sizeof(back)) == 0, "%s", text);
        ck_assert_msg(ipv6_read(span_of_text(full), back) && memcmp(groups, back, sizeof(back)) == 0, "%s", full);
        const char *gap = strstr(text, "::");
        ck_assert_msg(!gap || !strstr(gap + 1, "::"), "%s", text);
        ck_assert_msg(gap || (strncmp(text, "0:0", 3) != 0 && !strstr(text, ":0:0")), "%s", text);
        ck_assert_msg(!gap || zeros, "%s", text);
    }
}
END_TEST

START_TEST(the_longest_ipv6_text_fits)
{
    uint16_t groups[IPV6_GROUPS];
    char text[IPV6_TEXT_BYTES];
    ck_assert(ipv6_read(SPAN("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"), groups));
    ck_assert_uint_eq(ipv6_write(groups, text), strlen("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    ck_assert(ipv6_read(SPAN("::ffff:255.255.255.255"), groups));
    ck_assert_uint_eq(ipv6_write(groups, text), strlen("::ffff:255.255.255.255"));
    ck_assert(!ipv6_read(SPAN("ffff:ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"), groups));
    ck_assert(!ipv6_read(SPAN(""), groups));
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("host");
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, names_are_read_and_lowered);
    tcase_add_test(rules, what_is_not_shown_is_named);
    tcase_add_test(rules, no_character_is_dropped);
    tcase_add_test(rules, nul_is_a_character_like_others);
    tcase_add_test(rules, a_name_of_any_length_is_survived);
    tcase_add_test(rules, a_host_of_a_url_may_be_an_address_or_end_at_the_root);
    tcase_add_test(rules, every_ipv4_number_is_decimal_and_at_most_255);
    tcase_add_test(rules, every_ipv6_shape_is_written_and_read_back);
    tcase_add_test(rules, the_longest_ipv6_text_fits);
    return field_fixture_run(rules, "host");
}
