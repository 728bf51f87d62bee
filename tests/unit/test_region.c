/* Regions are found as by a walk over the whole table, whatever the text. */
#include "tests/unit/evaluating.h"

#include <strings.h>

#include "common/text.h"
#include "worker/validate/address_region.h"

static const struct {
    const char *country, *code, *name;
    bool is_other_name;
} rows[] = {
#define REGION(country, code, name)     {country, code, name, false},
#define OTHER_NAME(country, code, name) {country, code, name, true},
#include "worker/validate/data/regions.inc"
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_text(struct span text, const char *other)
{
    return text.length == strlen(other) && strncasecmp(text.at, other, text.length) == 0;
}

/* For ASCII only. */
static const char *slow_find(const char *country, struct span text)
{
    while (text.length > 0 && text_is_white_space((unsigned char)text.at[0]))
        text = span_from(text, 1);
    while (text.length > 0 && text_is_white_space((unsigned char)text.at[text.length - 1]))
        text.length--;
    const bool has_country = text.length > 2 && text.at[2] == '-' && strncasecmp(text.at, country, 2) == 0;
    const struct span code = has_country ? span_from(text, 3) : text;
    char spaced[128];
    for (size_t i = 0; i < text.length; i++)
        spaced[i] = text_is_white_space((unsigned char)text.at[i]) ? ' ' : text.at[i];
    const struct span name = span_of(spaced, text.length);
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].country, country) != 0 || (!is_text(code, rows[i].code) && !is_text(name, rows[i].name)))
            continue;
        for (size_t own = 0; own < ROWS; own++)
            if (!rows[own].is_other_name && strcmp(rows[own].country, country) == 0 &&
                strcmp(rows[own].code, rows[i].code) == 0)
                return rows[own].name;
    }
    return "";
}

static void expect_the_same(struct span text)
{
    static const char *const countries[] = {"US", "CA", "AU", "NZ"};
    for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
        const struct span found = region_find(span_of_text(countries[i]), text);
        if (!span_equal(found, span_of_text(slow_find(countries[i], text))))
            ck_abort_msg("%s: \"%.*s\" is \"%.*s\"", countries[i], SPAN_FORMAT(text), SPAN_FORMAT(found));
    }
}

START_TEST(every_short_text)
{
    char text[3];
    for (unsigned first = 0; first < 0x80; first++) {
        text[0] = (char)first;
        expect_the_same(span_of(text, 1));
        for (unsigned second = 0; second < 0x80; second++) {
            text[1] = (char)second;
            expect_the_same(span_of(text, 2));
            text[2] = (char)(random() & 0x7f);
            expect_the_same(span_of(text, 3));
        }
    }
    expect_the_same(SPAN(""));
    expect_the_same(SPAN("NY\0"));
}
END_TEST

/* One to three changes of a code or a name, with its country or without. */
START_TEST(names_and_codes_with_random_changes)
{
    char text[128];
    srandom(1);
    for (int round = 0; round < 300000; round++) {
        const size_t row = (size_t)random() % ROWS;
        const char *const name = random() & 1 ? rows[row].name : rows[row].code;
        size_t length =
            (size_t)sprintf(text, "%s%s%s", random() & 1 ? "" : rows[row].country, random() & 1 ? "-" : "", name);
        for (long changes = random() % 4; changes > 0; changes--) {
            const size_t at = (size_t)random() % length;
            if (random() & 1)
                text[at] ^= 0x20;
            else
                text[at] = (char)(1 + random() % 0x7e);
        }
        if (random() % 8 == 0)
            length = (size_t)random() % (length + 1);
        expect_the_same(span_of(text, length));
    }
}
END_TEST

START_TEST(every_row_in_every_case)
{
    char text[128];
    for (size_t i = 0; i < ROWS; i++) {
        const size_t length = strlen(rows[i].name);
        for (size_t at = 0; at <= length; at++) {
            memcpy(text, rows[i].name, length);
            for (size_t change = at; change < length; change++)
                if ((text[change] | 0x20) >= 'a' && (text[change] | 0x20) <= 'z')
                    text[change] ^= 0x20;
            ck_assert_uint_gt(region_find(span_of_text(rows[i].country), span_of(text, length)).length, 0);
            expect_the_same(span_of(text, length));
        }
    }
}
END_TEST

START_TEST(the_countries_with_rows_are_listed)
{
    for (size_t i = 0; i < ROWS; i++)
        ck_assert(region_is_listed(span_of_text(rows[i].country)));
    for (char first = 'A'; first <= 'Z'; first++) {
        for (char second = 'A'; second <= 'Z'; second++) {
            const char code[] = {first, second, '\0'};
            bool has_rows = false;
            for (size_t i = 0; i < ROWS; i++)
                has_rows |= strcmp(rows[i].country, code) == 0;
            ck_assert(region_is_listed(span_of_text(code)) == has_rows);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("region");
    TCase *tests = tcase_create("region");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_short_text);
    tcase_add_test(tests, names_and_codes_with_random_changes);
    tcase_add_test(tests, every_row_in_every_case);
    tcase_add_test(tests, the_countries_with_rows_are_listed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
