/* Text: lengths, white space, controls, line ends, and normalization form C, compared with libunistring's own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "common/text.h"

#define ARENA_BYTES     ((size_t)64 << 20)
#define ROWS(table)     (sizeof(table) / sizeof((table)[0]))
#define LAST_CODE_POINT 0x10FFFF

/* For loops over millions: Check records every passed assertion in a file, which takes longer than the test. */
#define assert_quietly(condition, ...)                                                                                 \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

static struct arena arena;

static void open_arena(void)
{
    ck_assert_int_eq(arena_open(&arena, ARENA_BYTES), 0);
}

static void close_arena(void)
{
    arena_close(&arena);
}

#define assert_span(actual, expected) assert_span_at((actual), (expected), __LINE__)

static void assert_span_at(struct span actual, struct span expected, int line)
{
    ck_assert_msg(span_equal(actual, expected), "line %d: \"%.*s\" is not \"%.*s\"", line, SPAN_FORMAT(actual),
                  SPAN_FORMAT(expected));
}

static bool is_surrogate(uint32_t code_point)
{
    return code_point >= 0xD800 && code_point <= 0xDFFF;
}

/* The UTF-8 of `count` code points, in the arena. */
static struct span utf8_of(const uint32_t *code_points, size_t count)
{
    char *text = arena_alloc(&arena, count * 4 + 1);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        int size = u8_uctomb((uint8_t *)text + length, code_points[i], 4);
        assert_quietly(size > 0, "U+%04X is no character", code_points[i]);
        length += (size_t)size;
    }
    return span_of(text, length);
}

START_TEST(length_counts_code_points)
{
    static const struct {
        struct span text;
        size_t length;
    } rows[] = {
        {SPAN(""), 0},
        {SPAN("Ada"), 3},
        {SPAN("a\0b"), 3},
        {SPAN("J\u00fcrgen"), 6},
        {SPAN("Ju\u0308rgen"), 7},
        {SPAN("\u65e5\u672c"), 2},
        {SPAN("\U0001f469\u200d\U0001f4bb"), 3}, /* one picture, three code points */
        {SPAN("\U0010ffff"), 1},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        ck_assert_uint_eq(text_length(rows[i].text), rows[i].length);
}
END_TEST

START_TEST(printable_ascii_ends_at_the_tilde)
{
    ck_assert(text_is_printable_ascii(SPAN("")));
    ck_assert(text_is_printable_ascii(SPAN(" Hello, world ~")));
    ck_assert(!text_is_printable_ascii(SPAN("a\tb")));
    ck_assert(!text_is_printable_ascii(SPAN("a\x7f")));
    ck_assert(!text_is_printable_ascii(SPAN("\0")));
    ck_assert(!text_is_printable_ascii(SPAN("\u00e9")));
}
END_TEST

START_TEST(every_code_point_is_decoded_as_it_was_encoded)
{
    for (uint32_t code_point = 0; code_point <= LAST_CODE_POINT; code_point++) {
        if (is_surrogate(code_point))
            continue;
        uint8_t bytes[4];
        int length = u8_uctomb(bytes, code_point, 4);
        size_t size;
        uint32_t decoded = text_code_point(span_of((char *)bytes, (size_t)length), 0, &size);
        assert_quietly(decoded == code_point && size == (size_t)length, "U+%04X comes out as U+%04X, %zu bytes",
                       code_point, decoded, size);
    }
}
END_TEST

START_TEST(white_space_is_the_property_of_unicode)
{
    int count = 0;
    for (uint32_t code_point = 0; code_point <= LAST_CODE_POINT; code_point++) {
        assert_quietly(text_is_white_space(code_point) == uc_is_property_white_space(code_point), "U+%04X", code_point);
        count += text_is_white_space(code_point);
    }
    ck_assert_int_eq(count, 25);
}
END_TEST

/* Unicode's DerivedCoreProperties.txt, and nothing else: the result does not depend on the library's release. */
START_TEST(what_cannot_be_seen_is_the_property_of_unicode)
{
    static const uint32_t unseen[][2] = {
        {0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},     {0x115F, 0x1160}, {0x17B4, 0x17B5},
        {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F}, {0x2800, 0x2800},
        {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8},
        {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
    };
    for (uint32_t code_point = 0; code_point <= LAST_CODE_POINT; code_point++) {
        if (is_surrogate(code_point))
            continue;
        arena_reset(&arena, 0);
        bool is_seen = !text_is_white_space(code_point);
        for (size_t i = 0; i < ROWS(unseen); i++)
            is_seen &= code_point < unseen[i][0] || code_point > unseen[i][1];
        assert_quietly(text_can_be_seen(utf8_of(&code_point, 1)) == is_seen, "U+%04X", code_point);
    }
    ck_assert(!text_can_be_seen(SPAN("")));
    ck_assert(!text_can_be_seen(SPAN(" \u200b\u2800\u3000")));
    ck_assert(text_can_be_seen(SPAN(" \u200b.\u3000")));
}
END_TEST

START_TEST(trimming_and_collapsing_take_every_white_space)
{
    static const struct {
        struct span text, trimmed, collapsed;
    } rows[] = {
        {SPAN(""), SPAN(""), SPAN("")},
        {SPAN("Ada"), SPAN("Ada"), SPAN("Ada")},
        {SPAN("  Ada "), SPAN("Ada"), SPAN("Ada")},
        {SPAN("\t\r\n \v\f"), SPAN(""), SPAN("")},
        {SPAN("\xc2\x85\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"), SPAN(""), SPAN("")},
        {SPAN("Ada Lovelace"), SPAN("Ada Lovelace"), SPAN("Ada Lovelace")},
        {SPAN("Ada  Lovelace"), SPAN("Ada  Lovelace"), SPAN("Ada Lovelace")},
        {SPAN("Ada\u3000Lovelace"), SPAN("Ada\u3000Lovelace"), SPAN("Ada Lovelace")},
        {SPAN("\u00a0Ada \t\r\n King  Lovelace\u2003"), SPAN("Ada \t\r\n King  Lovelace"), SPAN("Ada King Lovelace")},
        {SPAN("\u65e5 \u672c"), SPAN("\u65e5 \u672c"), SPAN("\u65e5 \u672c")},
        /* Not White_Space: zero-width space and joiners, Mongolian vowel separator, byte-order mark. */
        {SPAN("\u200b\u200d\u180e\ufeff"), SPAN("\u200b\u200d\u180e\ufeff"), SPAN("\u200b\u200d\u180e\ufeff")},
        {SPAN(" \u0301a"), SPAN("\u0301a"), SPAN("\u0301a")},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_span(text_trim(rows[i].text), rows[i].trimmed);
        assert_span(text_collapse_white_space(rows[i].text, &arena), rows[i].collapsed);
        ck_assert_int_eq(text_is_blank(rows[i].text), rows[i].trimmed.length == 0);
    }
}
END_TEST

START_TEST(controls_are_c0_del_and_c1)
{
    static const struct {
        struct span text;
        const char *allowed;
        uint32_t found;
    } rows[] = {
        {SPAN(""), "", 0},
        {SPAN("plain \u00e9\u65e5\U0001f600"), "", 0},
        {SPAN("a\tb"), "", '\t'},
        {SPAN("a\tb\r\n"), "\t\r\n", 0},
        {SPAN("a\tb\v"), "\t\r\n", '\v'},
        {SPAN("a\0b"), "\t", UINT32_MAX},
        {SPAN("a\x1f"), "", 0x1F},
        {SPAN("a\x7f"), "", 0x7F},
        {SPAN("\xc2\x80"), "", 0x80},
        {SPAN("a\xc2\x85"), "\n", 0x85},
        {SPAN("\xc2\x9f"), "", 0x9F},
        {SPAN("\u00a0\u00bf"), "", 0},
        {SPAN("\u200e\u202e\ufeff\u00ad"), "", 0}, /* format characters are none */
        {SPAN("\x02\x01"), "", 2},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        ck_assert_msg(text_find_control(rows[i].text, rows[i].allowed) == rows[i].found, "row %zu", i);
    for (uint32_t code_point = 1; code_point <= LAST_CODE_POINT; code_point++) {
        if (is_surrogate(code_point))
            continue;
        bool control = code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
        struct span text = utf8_of(&code_point, 1);
        assert_quietly(text_find_control(text, "") == (control ? code_point : 0), "U+%04X", code_point);
        arena_reset(&arena, 0);
    }
}
END_TEST

START_TEST(line_ends_become_line_feeds)
{
    static const struct {
        struct span text, unified;
    } rows[] = {
        {SPAN(""), SPAN("")},
        {SPAN("a\nb"), SPAN("a\nb")},
        {SPAN("a\r\nb"), SPAN("a\nb")},
        {SPAN("a\rb"), SPAN("a\nb")},
        {SPAN("\r"), SPAN("\n")},
        {SPAN("\r\r\n\n\r"), SPAN("\n\n\n\n")},
        {SPAN("a\r\n\r\nb\r\n"), SPAN("a\n\nb\n")},
        {SPAN("\u2028\xc2\x85"), SPAN("\u2028\xc2\x85")},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_span(text_unify_line_ends(rows[i].text, &arena), rows[i].unified);
}
END_TEST

START_TEST(case_changes_in_ascii_only)
{
    assert_span(text_ascii_lower(SPAN("[@AZaz`{]\u00c9\u212a"), &arena), SPAN("[@azaz`{]\u00c9\u212a"));
    assert_span(text_ascii_upper(SPAN("[@AZaz`{]\u00e9\u0131"), &arena), SPAN("[@AZAZ`{]\u00e9\u0131"));
}
END_TEST

START_TEST(what_does_not_change_is_not_copied)
{
    static const struct span texts[] = {SPAN(""),
                                        SPAN("Ada"),
                                        SPAN("J\u00fcrgen"),
                                        SPAN("\u65e5\u672c"),
                                        SPAN("\u0635\u064e"),
                                        SPAN("q\u0301"),
                                        SPAN("\U0001f469\u200d\U0001f4bb")};
    for (size_t i = 0; i < ROWS(texts); i++) {
        size_t used = arena.used;
        ck_assert_ptr_eq(text_compose(texts[i], &arena).at, texts[i].at);
        ck_assert_ptr_eq(text_unify_line_ends(texts[i], &arena).at, texts[i].at);
        ck_assert_ptr_eq(text_collapse_white_space(texts[i], &arena).at, texts[i].at);
        ck_assert_uint_eq(arena.used, used);
    }
}
END_TEST

START_TEST(composing_a_few_known_texts)
{
    static const struct {
        struct span text, composed;
    } rows[] = {
        {SPAN("Ju\u0308rgen"), SPAN("J\u00fcrgen")},
        {SPAN("e\u0301\u0301"), SPAN("\u00e9\u0301")},
        {SPAN("a\u0301\u0323"), SPAN("\u1ea1\u0301")},           /* the dot below comes first */
        {SPAN("a\u0308\u0301"), SPAN("\u00e4\u0301")},           /* the acute is not blocked, but composes with
                                                                  * nothing */
        {SPAN("\u1e0b\u0323"), SPAN("\u1e0d\u0307")},            /* UAX #15, figure 5 */
        {SPAN("\u212b \u2126 \u212a"), SPAN("\u00c5 \u03a9 K")}, /* Angstrom, Ohm, Kelvin */
        {SPAN("\u037e\u1fef"), SPAN(";`")},
        {SPAN("\u2000\u2001"), SPAN("\u2002\u2003")},
        {SPAN("\u0958"), SPAN("\u0915\u093c")},                       /* a composition exclusion */
        {SPAN("\U0001d160"), SPAN("\U0001d158\U0001d165\U0001d16e")}, /* three times as long */
        {SPAN("\u1112\u1161\u11ab"), SPAN("\ud55c")},                 /* Hangul jamo */
        {SPAN("\ud558\u11ab"), SPAN("\ud55c")},
        {SPAN("\u1112\u0301\u1161"), SPAN("\u1112\u0301\u1161")},
        {SPAN("\u11ab\u1161"), SPAN("\u11ab\u1161")},
        {SPAN("\u09c7\u09be"), SPAN("\u09cb")}, /* two starters */
        {SPAN("\u0301"), SPAN("\u0301")},
        {SPAN("\u0301\u0327"), SPAN("\u0327\u0301")},
        {SPAN(" \u0308"), SPAN(" \u0308")},
        {SPAN("\n\u0308\n"), SPAN("\n\u0308\n")},
        {SPAN("\ufb01\u2460\u00bd"), SPAN("\ufb01\u2460\u00bd")}, /* compatibility characters stay */
        {SPAN("\uf900"), SPAN("\u8c48")},
        {SPAN("\uf901"), SPAN("\u66f4")},
    };
    for (size_t i = 0; i < ROWS(rows); i++)
        ck_assert_msg(span_equal(text_compose(rows[i].text, &arena), rows[i].composed), "row %zu: %.*s", i,
                      SPAN_FORMAT(rows[i].text));
}
END_TEST

/* Compares with libunistring's normalization, and composes twice. */
static void assert_composed_rightly(struct span text)
{
    size_t length = 0;
    uint8_t *expected = u8_normalize(UNINORM_NFC, (const uint8_t *)text.at, text.length, NULL, &length);
    assert_quietly(expected, "libunistring fails");
    struct span composed = text_compose(text, &arena);
    bool equal = span_equal(composed, span_of((char *)expected, length));
    free(expected);
    if (!equal) {
        char code_points[256] = "";
        size_t size, at = 0;
        for (size_t i = 0; i < text.length && at < sizeof(code_points) - 8; i += size)
            at +=
                (size_t)snprintf(code_points + at, sizeof(code_points) - at, "%04X ", text_code_point(text, i, &size));
        ck_abort_msg("not composed as libunistring does: %s", code_points);
    }
    struct span again = text_compose(composed, &arena);
    assert_quietly(again.at == composed.at && again.length == composed.length, "changes when it is composed again");
}

START_TEST(every_code_point_composes_as_in_libunistring)
{
    for (uint32_t code_point = 0; code_point <= LAST_CODE_POINT; code_point++) {
        if (is_surrogate(code_point))
            continue;
        const uint32_t code_points[] = {'a', code_point, 0x0323, code_point, 0x0301};
        for (size_t from = 0; from < 2; from++)
            for (size_t to = from + 1; to <= ROWS(code_points); to += 2)
                assert_composed_rightly(utf8_of(code_points + from, to - from));
        arena_reset(&arena, 0);
    }
}
END_TEST

START_TEST(every_canonical_decomposition_is_put_together_again)
{
    for (uint32_t code_point = 0; code_point <= LAST_CODE_POINT; code_point++) {
        ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
        int count = is_surrogate(code_point) ? -1 : uc_canonical_decomposition(code_point, parts);
        if (count < 0)
            continue;
        assert_composed_rightly(utf8_of(parts, (size_t)count));
        arena_reset(&arena, 0);
    }
}
END_TEST

START_TEST(every_pair_of_marks_is_ordered)
{
    static uint32_t marks[2000];
    size_t count = 0;
    for (uint32_t code_point = 0; code_point <= LAST_CODE_POINT; code_point++)
        if (uc_combining_class(code_point) != 0 && count < ROWS(marks))
            marks[count++] = code_point;
    ck_assert_uint_gt(count, 800);
    ck_assert_uint_lt(count, ROWS(marks));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            const uint32_t code_points[] = {'o', marks[i], marks[k]};
            assert_composed_rightly(utf8_of(code_points, 3));
            arena_reset(&arena, 0);
        }
}
END_TEST

static uint64_t random_state = 0x9E3779B97F4A7C15;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

/* A code point, in most cases one that composition affects. */
static uint32_t random_code_point(void)
{
    static const struct {
        uint32_t first, count;
    } blocks[] = {{0x20, 0x60},    {0xC0, 0x240},   {0x300, 0x70},    {0x300, 0x70},   {0x340, 6},     {0x390, 0x40},
                  {0x591, 0x30},   {0x622, 0x40},   {0x915, 0x50},    {0x9C7, 0x11},   {0xDCA, 0x18},  {0x1100, 0x13},
                  {0x1161, 0x15},  {0x11A8, 0x1B},  {0x1E00, 0x200},  {0x1F00, 0x100}, {0x3041, 0x60}, {0xAC00, 0x100},
                  {0xF900, 0x200}, {0x1D158, 0x30}, {0x2F800, 0x200}, {0x1F300, 0x100}};
    uint32_t block = random_below(ROWS(blocks));
    return blocks[block].first + random_below(blocks[block].count);
}

START_TEST(random_texts_compose_as_in_libunistring)
{
    for (int round = 0; round < 100000; round++) {
        uint32_t code_points[24];
        size_t count = 1 + random_below(ROWS(code_points));
        for (size_t i = 0; i < count; i++)
            code_points[i] = random_code_point();
        assert_composed_rightly(utf8_of(code_points, count));
        arena_reset(&arena, 0);
    }
}
END_TEST

START_TEST(a_letter_under_a_hundred_thousand_marks)
{
    static uint32_t zalgo[100001];
    zalgo[0] = 'Z';
    for (size_t i = 1; i < ROWS(zalgo); i++)
        zalgo[i] = i % 2 ? 0x0301 : 0x0300 + random_below(0x70);
    assert_composed_rightly(utf8_of(zalgo, ROWS(zalgo)));
}
END_TEST

START_TEST(the_longest_growth_fits)
{
    static uint32_t notes[65536];
    for (size_t i = 0; i < ROWS(notes); i++)
        notes[i] = 0x1D160;
    struct span text = utf8_of(notes, ROWS(notes));
    ck_assert_uint_eq(text_compose(text, &arena).length, text.length * 3);
    assert_composed_rightly(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, length_counts_code_points);
    tcase_add_test(tests, printable_ascii_ends_at_the_tilde);
    tcase_add_test(tests, every_code_point_is_decoded_as_it_was_encoded);
    tcase_add_test(tests, white_space_is_the_property_of_unicode);
    tcase_add_test(tests, what_cannot_be_seen_is_the_property_of_unicode);
    tcase_add_test(tests, trimming_and_collapsing_take_every_white_space);
    tcase_add_test(tests, controls_are_c0_del_and_c1);
    tcase_add_test(tests, line_ends_become_line_feeds);
    tcase_add_test(tests, case_changes_in_ascii_only);
    tcase_add_test(tests, what_does_not_change_is_not_copied);
    tcase_add_test(tests, composing_a_few_known_texts);
    tcase_add_test(tests, every_code_point_composes_as_in_libunistring);
    tcase_add_test(tests, every_canonical_decomposition_is_put_together_again);
    tcase_add_test(tests, every_pair_of_marks_is_ordered);
    tcase_add_test(tests, random_texts_compose_as_in_libunistring);
    tcase_add_test(tests, a_letter_under_a_hundred_thousand_marks);
    tcase_add_test(tests, the_longest_growth_fits);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
