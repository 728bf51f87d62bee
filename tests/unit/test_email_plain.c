/* Plain addresses: each is one that the whole rule accepts unchanged, and the usual ones are plain. */
#include "tests/unit/field_fixture.h"

#include <unistr.h>

#include "worker/validate/email_plain.h"

static struct field_fixture fixture;

static void open_fixture(void)
{
    field_fixture_open(&fixture, "email");
}

static void close_fixture(void)
{
    field_fixture_close(&fixture);
}

/* Returns whether `text` is plain. If so, the whole rule must keep it. */
static bool expect_kept(struct span text)
{
    struct span normal = SPAN_NONE;
    if (!email_is_plain(text))
        return false;
    fixture.item = (struct item){0};
    fixture.check = (struct check){.item = &fixture.item, .arena = &fixture.arena};
    arena_reset(&fixture.arena, 0);
    if (!email_normalize_any(&fixture.check, text, &normal) || !span_equal(normal, text))
        ck_abort_msg("\"%.*s\" is plain, but becomes \"%.*s\", %s", SPAN_FORMAT(text), SPAN_FORMAT(normal),
                     field_fixture_violations(&fixture));
    return true;
}

START_TEST(the_usual_addresses_are_plain)
{
    static const char *const usual[] = {
        "ada@example.com",
        "ada.lovelace@example.com",
        "Ada+tag@mail.example.co.uk",
        "o'hara@exam-ple.ie",
        "a@b.c",
        "1@163.com",
        "_@1.2.3.c0m",
        "ada.pure.0000001@example.com",
        "a.b.c.d@a.b.c.d.e.f.g",
        "ada@xn-a.com",
        "!#$%&'*+-/=?^_`{|}~@x-1-y.org",
    };
    static const char *const others[] = {
        "",
        "@",
        "a@",
        "@b.c",
        "a.@b.c",
        ".a@b.c",
        "a..b@c.d",
        "a@b",
        "a@b.",
        "a@.b.c",
        "a@b..c",
        "a@-b.c",
        "a@b-.c",
        "a@b.c-",
        "a@b.-c",
        "a@b.1",
        "a@b.0x1",
        "a@B.c",
        "a@b.c ",
        " a@b.c",
        "a@b@c.d",
        "a b@c.d",
        "a@b c.d",
        "a@b_c.d",
        "a@xn--a.com",
        "a@b.c\n",
        "\xc3\xa9@b.c",
        "a@\xc3\xa9.c",
        "a@[1.2.3.4]",
        "\"a\"@b.c",
        "a@b.c.",
        "a@b,c",
    };
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        ck_assert_msg(expect_kept(span_of_text(usual[i])), "%s", usual[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!expect_kept(span_of_text(others[i])), "%s", others[i]);
}
END_TEST

START_TEST(lengths_up_to_the_limits)
{
    char text[400];
    for (size_t local = 1; local <= 70; local++) {
        for (size_t domain = 1; domain <= 80; domain++) {
            memset(text, 'a', sizeof(text));
            text[local] = '@';
            memcpy(text + local + 1 + domain, ".org", 4);
            const bool is_plain = expect_kept(span_of(text, local + 1 + domain + 4));
            ck_assert(is_plain == (local <= 64 && domain + 4 <= 63));
        }
    }
}
END_TEST

START_TEST(every_code_point_in_the_local_part_and_the_domain)
{
    static const char form[] = "ada@example.org";
    static const size_t places[] = {0, 2, 3, 4, 8, 11, 12, 14, 15};
    int plain = 0;
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        uint8_t bytes[4];
        const int size = u8_uctomb(bytes, code_point, sizeof(bytes));
        for (size_t i = 0; size > 0 && i < sizeof(places) / sizeof(places[0]); i++) {
            char text[sizeof(form) + 4];
            memcpy(text, form, places[i]);
            memcpy(text + places[i], bytes, (size_t)size);
            memcpy(text + places[i] + size, form + places[i], sizeof(form) - 1 - places[i]);
            plain += expect_kept(span_of(text, sizeof(form) - 1 + (size_t)size));
        }
    }
    ck_assert_int_gt(plain, 400); /* letters, digits and the like */
}
END_TEST

START_TEST(random_texts)
{
    static const char bytes[] = "aaabz019..--@@@AZ+_x n\t/\xc3\xa9";
    char text[24];
    int plain = 0;
    srandom(1);
    for (int round = 0; round < 3000000; round++) {
        const size_t length = (size_t)random() % sizeof(text);
        const size_t kinds = random() & 3 ? 13 : sizeof(bytes) - 1;
        for (size_t i = 0; i < length; i++)
            text[i] = bytes[(size_t)random() % kinds];
        if (length > 0 && random() & 1)
            text[(size_t)random() % length] = '@';
        plain += expect_kept(span_of(text, length));
    }
    ck_assert_int_gt(plain, 10000);
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("email_plain");
    tcase_add_checked_fixture(rules, open_fixture, close_fixture);
    tcase_set_timeout(rules, 120);
    tcase_add_test(rules, the_usual_addresses_are_plain);
    tcase_add_test(rules, lengths_up_to_the_limits);
    tcase_add_test(rules, every_code_point_in_the_local_part_and_the_domain);
    tcase_add_test(rules, random_texts);
    return field_fixture_run(rules, "email_plain");
}
