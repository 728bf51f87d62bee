/* The email rule as a table: accepted addresses and their normalized form, refused ones and their errors. */
#include "tests/unit/field_fixture.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A60 A50 A10
#define A63 A60 "aaa"
#define A64 A60 "aaaa"

static const struct {
    const char *given, *normal; /* NULL: unchanged */
} accepted[] = {
    /* Plain addresses stay as they are. */
    {"ada@example.com", NULL},
    {"a@b.c", NULL},
    {"a@b.co", NULL},
    {"1@b.co", NULL},
    {"ada.lovelace@example.com", NULL},
    {"a.b.c.d@example.com", NULL},
    {"ada+tag@example.com", NULL},
    {"ada-lovelace@example.com", NULL},
    {"-ada-@example.com", NULL},
    {"_ada_@example.com", NULL},
    {"ada@mail.example.co.uk", NULL},
    {"ada@a.b.c.d.e.f.g", NULL},
    {"ada@3com.com", NULL},
    {"ada@163.com", NULL},
    {"ada@1.2.3.com", NULL},
    {"ada@example.c0m", NULL},
    {"ada@example.4chan", NULL},
    {"ada@exam-ple.com", NULL},
    {"ada@exam--ple.com", NULL},
    {"ada@ab--cd.com", NULL},
    {"ada@a1--b2.example", NULL},
    {"ada@xn.com", NULL},
    {"ada@xn-a.com", NULL},
    {"ada@0xyz.com", NULL},
    {"ada@example.0xyz", NULL},
    {"test@iana.org", NULL},
    {"test@nominet.org.uk", NULL},
    {"test@about.museum", NULL},
    {"a@iana.org", NULL},
    {"test.test@iana.org", NULL},
    {"123@iana.org", NULL},
    {"test@123.com", NULL},
    {"test@c--n.com", NULL},
    {"xn--test@iana.org", NULL},

    /* Every other character of an atom. */
    {"!@example.com", NULL},
    {"#@example.com", NULL},
    {"$@example.com", NULL},
    {"%@example.com", NULL},
    {"&@example.com", NULL},
    {"'@example.com", NULL},
    {"*@example.com", NULL},
    {"+@example.com", NULL},
    {"-@example.com", NULL},
    {"/@example.com", NULL},
    {"=@example.com", NULL},
    {"?@example.com", NULL},
    {"^@example.com", NULL},
    {"_@example.com", NULL},
    {"`@example.com", NULL},
    {"{@example.com", NULL},
    {"|@example.com", NULL},
    {"}@example.com", NULL},
    {"~@example.com", NULL},
    {"!#$%&'*+-/=?^_`{|}~@example.com", NULL},
    {"o'hara@example.ie", NULL},
    {"user%example.com@example.org", NULL},

    /* The local part keeps its case, the domain does not. */
    {"Ada@example.com", NULL},
    {"ADA@EXAMPLE.COM", "ADA@example.com"},
    {"ada@Example.Com", "ada@example.com"},
    {"ada@XN--BCHER-KVA.EXAMPLE", "ada@xn--bcher-kva.example"},
    {"ada@AB--CD.com", "ada@ab--cd.com"},

    /* White space around it is removed. */
    {" ada@example.com", "ada@example.com"},
    {"ada@example.com ", "ada@example.com"},
    {"   ada@example.com   ", "ada@example.com"},
    {"\tada@example.com", "ada@example.com"},
    {"ada@example.com\n", "ada@example.com"},
    {"ada@example.com\r\n", "ada@example.com"},
    {"\u00a0ada@example.com\u00a0", "ada@example.com"},
    {"\u2003ada@example.com\u3000", "ada@example.com"},
    {"\u2028ada@example.com\u2029", "ada@example.com"},

    /* Lengths: 64 bytes before the @, 63 of a label, 254 of all. */
    {A64 "@example.com", NULL},
    {"a@" A63 ".com", NULL},
    {A64 "@" A63 "." A63 "." A60 "a", NULL},
    {"aa@" A63 "." A63 "." A63 "." A50 "aaaaaaaaa", NULL},

    /* Unicode domains. */
    {"ada@bücher.example", "ada@xn--bcher-kva.example"},
    {"ada@BÜCHER.example", "ada@xn--bcher-kva.example"},
    {"ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"},
    {"ada@xn--bcher-kva.example", NULL},
    {"ada@faß.de", "ada@xn--fa-hia.de"},
    {"ada@xn--fa-hia.de", NULL},
    {"ada@fass.de", NULL},
    {"ada@日本語.jp", "ada@xn--wgv71a119e.jp"},
    {"ada@日本語。jp", "ada@xn--wgv71a119e.jp"},
    {"ada@日本語．jp", "ada@xn--wgv71a119e.jp"},
    {"ada@日本語｡jp", "ada@xn--wgv71a119e.jp"},
    {"ada@ｅｘａｍｐｌｅ.com", "ada@example.com"},
    {"ada@STRAẞE.de", "ada@xn--strae-oqa.de"},
    {"ada@straße.de", "ada@xn--strae-oqa.de"},
    {"ada@пример.испытание", "ada@xn--e1afmkfd.xn--80akhbyknj4f"},
    {"ada@παράδειγμα.δοκιμή", "ada@xn--hxajbheg2az3al.xn--jxalpdlp"},
    {"ada@실례.테스트", "ada@xn--9n2bp8q.xn--9t4b11yi5a"},
    {"ada@उदाहरण.परीक्षा", "ada@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"},
    {"ada@مثال.إختبار", "ada@xn--mgbh0fb.xn--kgbechtv"},
    {"ada@דוגמה.טעסט", "ada@xn--6dbbec0c.xn--deba0ad"},
    {"ada@ab--cd.bücher.example", "ada@ab--cd.xn--bcher-kva.example"},
    {"ada@straße.straße", "ada@xn--strae-oqa.xn--strae-oqa"},
    {"ada@ñ.com", "ada@xn--ida.com"},
    {"ada@ﬁsh.com", "ada@fish.com"},
};

static const struct {
    const char *given, *code;
} refused[] = {
    /* Not two parts. */
    {"ada", "email_syntax"},
    {"example.com", "email_syntax"},
    {"@", "email_syntax"},
    {"@@", "email_syntax"},
    {"@example.com", "email_syntax"},
    {"ada@@example.com", "email_syntax"},
    {"ada@b@example.com", "email_syntax"},
    {"ada@example.com@", "email_syntax"},
    {"ada＠example.com", "email_syntax"},
    {"ada@a.com,bob@b.com", "email_syntax"},
    {"ada@a.com;bob@b.com", "email_syntax"},
    {"Ada <ada@example.com>", "email_syntax"},
    {"<ada@example.com>", "email_syntax"},
    {"mailto:ada@example.com", "email_syntax"},

    /* The local part. */
    {".ada@example.com", "email_syntax"},
    {"ada.@example.com", "email_syntax"},
    {"ada..lovelace@example.com", "email_syntax"},
    {".@example.com", "email_syntax"},
    {"..@example.com", "email_syntax"},
    {"ada lovelace@example.com", "email_syntax"},
    {"ada @example.com", "email_syntax"},
    {"a\tb@example.com", "email_syntax"},
    {"a\nb@example.com", "email_syntax"},
    {"a\r\nb@example.com", "email_syntax"},
    {"\"ada\"@example.com", "email_syntax"},
    {"\"ada lovelace\"@example.com", "email_syntax"},
    {"\"\"@example.com", "email_syntax"},
    {"ada(comment)@example.com", "email_syntax"},
    {"(comment)ada@example.com", "email_syntax"},
    {"ada,b@example.com", "email_syntax"},
    {"ada:b@example.com", "email_syntax"},
    {"ada;b@example.com", "email_syntax"},
    {"ada<b@example.com", "email_syntax"},
    {"ada>b@example.com", "email_syntax"},
    {"ada[b@example.com", "email_syntax"},
    {"ada]b@example.com", "email_syntax"},
    {"ada\\b@example.com", "email_syntax"},
    {"ada\\@b@example.com", "email_syntax"},
    {"ädä@example.com", "email_syntax"},
    {"用户@example.com", "email_syntax"},
    {"ada\u00a0b@example.com", "email_syntax"},
    {"ada\u200bb@example.com", "email_syntax"},
    {"\ufeffada@example.com", "email_syntax"},
    {"\u202eada@example.com", "email_syntax"},
    {"а@example.com", "email_syntax"},

    /* The domain. */
    {"ada@", "email_domain"},
    {"ada@.", "email_domain"},
    {"ada@com", "email_domain"},
    {"ada@localhost", "email_domain"},
    {"ada@example.", "email_domain"},
    {"ada@example.com.", "email_domain"},
    {"ada@example.com..", "email_domain"},
    {"ada@.example.com", "email_domain"},
    {"ada@example..com", "email_domain"},
    {"ada@-example.com", "email_domain"},
    {"ada@example-.com", "email_domain"},
    {"ada@example.-com", "email_domain"},
    {"ada@example.com-", "email_domain"},
    {"ada@-.com", "email_domain"},
    {"ada@exam_ple.com", "email_domain"},
    {"ada@_dmarc.example.com", "email_domain"},
    {"ada@exam ple.com", "email_domain"},
    {"ada@ example.com", "email_domain"},
    {"ada@example .com", "email_domain"},
    {"ada@exam\tple.com", "email_domain"},
    {"ada@exam\nple.com", "email_domain"},
    {"ada@example,com", "email_domain"},
    {"ada@example.com,", "email_domain"},
    {"ada@example.com;", "email_domain"},
    {"ada@example.com>", "email_domain"},
    {"ada@example.com/", "email_domain"},
    {"ada@example.com:25", "email_domain"},
    {"ada@example.com(comment)", "email_domain"},
    {"ada@exam!ple.com", "email_domain"},
    {"ada@exam%70le.com", "email_domain"},
    {"ada@\"example\".com", "email_domain"},
    {"ada@'example'.com", "email_domain"},
    {"ada@*.example.com", "email_domain"},
    {"ada@" A64 ".com", "email_domain"},

    /* IP addresses are not domains. */
    {"ada@127.0.0.1", "email_domain"},
    {"ada@[127.0.0.1]", "email_domain"},
    {"ada@[IPv6:::1]", "email_domain"},
    {"ada@[::1]", "email_domain"},
    {"ada@example.1", "email_domain"},
    {"ada@example.123", "email_domain"},
    {"ada@1.2", "email_domain"},
    {"ada@999.999.999.999", "email_domain"},
    {"ada@example.0x1f", "email_domain"},
    {"ada@example.0X", "email_domain"},
    {"ada@example.１２３", "email_domain"},
    {"ada@１２７.0.0.1", "email_domain"},

    /* Unicode domains that are not valid under IDNA 2008, and A-labels that are not valid. */
    {"ada@☃.net", "email_domain"},
    {"ada@💩.la", "email_domain"},
    {"ada@a\u200db.com", "email_domain"},
    {"ada@\u0301a.com", "email_domain"},
    {"ada@bü--cher.com", "email_domain"},
    {"ada@-bücher.com", "email_domain"},
    {"ada@bücher-.com", "email_domain"},
    {"ada@bü_cher.com", "email_domain"},
    {"ada@bü cher.com", "email_domain"},
    {"ada@bü＿cher.com", "email_domain"},
    {"ada@a_b.bücher.com", "email_domain"},
    {"ada@a≠b.com", "email_domain"},
    {"ada@⒜.com", "email_domain"},
    {"ada@℀.com", "email_domain"},
    {"ada@a\u00a0b.com", "email_domain"},
    {"ada@a\u3000b.com", "email_domain"},
    {"ada@\u00ad.com", "email_domain"},
    {"ada@exam\u00adple.com", "email_domain"},
    {"ada@exa\u200bmple.com", "email_domain"},
    {"ada@example.com\u200b", "email_domain"},
    {"ada@exa\u2060mple.com", "email_domain"},
    {"ada@exa\ufeffmple.com", "email_domain"},
    {"ada@example\ufe0f.com", "email_domain"},
    {"ada\u200b@example.com", "email_syntax"},
    {"ada@…com", "email_domain"},
    {"ada@example。", "email_domain"},
    {"ada@example.com。", "email_domain"},
    {"ada@。com", "email_domain"},
    {"ada@aא.com", "email_domain"},
    {"ada@xn-.com", "email_domain"},
    {"ada@xn--.com", "email_domain"},
    {"ada@xn--a.com", "email_domain"},
    {"ada@xn--abc-.com", "email_domain"},
    {"ada@xn--abc.com", "email_domain"},
    {"ada@xn---.com", "email_domain"},
    {"ada@XN--ABC-.com", "email_domain"},
    {"ada@xn--ls8h.la", "email_domain"},
    {"ada@xn--ab-miv.com", "email_domain"},
    {"ada@xn--a_-yka.com", "email_domain"},
    {"ada@xn--8i7caa.com", "email_domain"},
    {"ada@xn--0.com", "email_domain"},
    {"ada@xn--99999999.com", "email_domain"},
    {"ada@xn--bücher.com", "email_domain"},
    {"ada@ｘｎ－－abc-.com", "email_domain"},

    /* Controls except TAB and line ends, which are white space. */
    {"a\001b@example.com", "control_character"},
    {"ada@exam\037ple.com", "control_character"},
    {"ada@example.com\033", "control_character"},
    {"\177ada@example.com", "control_character"},
    {"\302\205"
     "ada@example.com",
     "control_character"},
    {"ada@example.com\302\237", "control_character"},
    {"\vada@example.com", "control_character"},
    {"ada@example.com\f", "control_character"},

    /* Lengths. */
    {A64 "a@example.com", "too_long"},
    {"a@" A63 "." A63 "." A63 "." A60 "a", "too_long"},
    {A64 "@" A63 "." A63 "." A60 "aa", "too_long"},
    {"a@" A63 "." A63 "." A63 "." A64, "too_long"},
    {"a@" A64 "." A64 "." A64 "." A64 ".com", "too_long"},
    {"a@ü." A63 "." A63 "." A63 "." A60, "too_long"},

    {" ", "email_syntax"},
    {"\t\n", "email_syntax"},
    {"\u3000", "email_syntax"},
};

static struct field_fixture field_fixture;

static void open_trial(void)
{
    field_fixture_open(&field_fixture, "email");
}

static void close_trial(void)
{
    field_fixture_close(&field_fixture);
}

START_TEST(every_accepted_address_has_one_form)
{
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const char *given = accepted[i].given, *normal = accepted[i].normal ? accepted[i].normal : given;
        const char *outcome = field_fixture_string(&field_fixture, span_of_text(given));
        ck_assert_msg(strcmp(outcome, normal) == 0, "\"%s\" gives %s, not %s", given, outcome, normal);
        outcome = field_fixture_string(&field_fixture, span_of_text(normal));
        ck_assert_msg(strcmp(outcome, normal) == 0, "twice is not once: \"%s\" gives %s", normal, outcome);
    }
}
END_TEST

START_TEST(every_refused_address_has_its_code)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *outcome = field_fixture_string(&field_fixture, span_of_text(refused[i].given));
        ck_assert_msg(!field_fixture_accepted(&field_fixture) && strcmp(outcome, refused[i].code) == 0,
                      "\"%s\" gives %s, not %s", refused[i].given, outcome, refused[i].code);
    }
}
END_TEST

/* For any text, an accepted address has the promised form and normalization is idempotent. */
START_TEST(mutations_keep_the_promises)
{
    static const char *const pieces[] = {"@",      ".",       "..",     "-",      "--",     "_",      "a",
                                         "Z",      "0",       "1",      "xn--",   " ",      "\t",     "\u00e4",
                                         "\u00c4", "e\u0301", "\u00df", "\u3002", "\uff0e", "\u200d", "\u00ad",
                                         "א",      "م",       "日",     "\u2260", "\uff3f", "😀",      "\302\205",
                                         "\u0345", "İ",       "ς",      "0x",     "ẞ",      "\u200b", "\ufe0f"};
    uint64_t seed = 20;
    char mutation[1024];
    unsigned taken = 0;
    for (unsigned round = 0; round < 60; round++)
        for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
            const size_t length = field_fixture_mutate(accepted[i].given, pieces, sizeof(pieces) / sizeof(pieces[0]),
                                                       &seed, mutation, sizeof(mutation));
            char once[256];
            const char *outcome = field_fixture_string(&field_fixture, span_of(mutation, length));
            if (!field_fixture_accepted(&field_fixture))
                continue;
            taken++;
            ck_assert_msg(strlen(outcome) <= 254, "\"%s\" gives %s", mutation, outcome);
            strcpy(once, outcome);
            for (const char *at = once; *at; at++)
                ck_assert_msg(*at > ' ' && *at < 0x7f, "\"%s\" gives %s", mutation, once);
            const char *domain = strchr(once, '@');
            ck_assert_msg(domain && domain == strrchr(once, '@') && domain - once <= 64 && strchr(domain, '.'),
                          "\"%s\" gives %s", mutation, once);
            for (const char *at = domain; *at; at++)
                ck_assert_msg(!(*at >= 'A' && *at <= 'Z'), "\"%s\" gives %s", mutation, once);
            outcome = field_fixture_string(&field_fixture, span_of_text(once));
            ck_assert_msg(strcmp(outcome, once) == 0, "\"%s\" gives %s, that gives %s", mutation, once, outcome);
        }
    ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(what_is_not_shown_in_a_domain_is_named)
{
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("ada@exa\u200bmple.com")), "email_domain");
    const struct span message = field_fixture.item.violations->message;
    ck_assert_msg(memmem(message.at, message.length, "U+200B", 6), "%.*s", SPAN_FORMAT(message));
}
END_TEST

START_TEST(only_strings_are_addresses)
{
    static const char *const values[] = {"1", "true", "{}", "[\"ada@example.com\"]", "{\"email\":\"ada@example.com\"}"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        ck_assert_str_eq(field_fixture_json(&field_fixture, span_of_text(values[i])), "type_mismatch");
}
END_TEST

START_TEST(escapes_in_json_are_the_characters_they_mean)
{
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"ada\\u0040example.com\"")), "\"ada@example.com\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"a\\/b@example.com\"")), "\"a/b@example.com\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"ada@b\\u00fccher.example\"")),
                     "\"ada@xn--bcher-kva.example\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"\\tada@example.com\\r\\n\"")), "\"ada@example.com\"");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"ada@example.com\\u0000\"")), "control_character");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"\\u0000\"")), "control_character");
    ck_assert_str_eq(field_fixture_json(&field_fixture, SPAN("\"ada@example\\u0000.b\\u00fccher\"")),
                     "control_character");
}
END_TEST

START_TEST(a_very_long_text_is_too_long)
{
    static char text[200000];
    memset(text, 'a', sizeof(text));
    ck_assert_str_eq(field_fixture_string(&field_fixture, span_of(text, sizeof(text))), "too_long");
    text[1] = '@';
    ck_assert_str_eq(field_fixture_string(&field_fixture, span_of(text, sizeof(text))), "too_long");
    memset(text, ' ', sizeof(text));
    memcpy(text + 100000, "ada@example.com", 15);
    ck_assert_str_eq(field_fixture_string(&field_fixture, span_of(text, sizeof(text))), "ada@example.com");
}
END_TEST

START_TEST(the_rules_of_a_field_hold)
{
    field_fixture.field.rules =
        (struct rules){.has_min_length = true, .min_length = 10, .has_max_length = true, .max_length = 20};
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("a@bcdef.g")), "too_short");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("a@bcdef.gh")), "a@bcdef.gh");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN(" a@bcdef.g ")), "too_short");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN("a@bcdefghijklmnopqr.s")), "too_long");
    field_fixture.field.rules = (struct rules){.required = true};
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN(" ")), "required");
    ck_assert_str_eq(field_fixture_string(&field_fixture, SPAN(" \u3000\t")), "required");
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("email");
    tcase_add_checked_fixture(rules, open_trial, close_trial);
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, every_accepted_address_has_one_form);
    tcase_add_test(rules, every_refused_address_has_its_code);
    tcase_add_test(rules, mutations_keep_the_promises);
    tcase_add_test(rules, what_is_not_shown_in_a_domain_is_named);
    tcase_add_test(rules, only_strings_are_addresses);
    tcase_add_test(rules, escapes_in_json_are_the_characters_they_mean);
    tcase_add_test(rules, a_very_long_text_is_too_long);
    tcase_add_test(rules, the_rules_of_a_field_hold);
    return field_fixture_run(rules, "email");
}
