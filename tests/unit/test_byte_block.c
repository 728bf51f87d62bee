/* Blocks of sixteen bytes answer what a look at each byte answers, and read nothing beyond their text. */
#include <stdlib.h>

#include "common/byte_block.h"
#include "common/text.h"
#include "tests/lib/quick_check.h"
#include "tests/unit/evaluating.h"

#define LONGEST 50 /* of the texts: three blocks and a bit */

/* For loops over millions: Check records every passed assertion in a file, which takes longer than the test. */
#define assert_quietly(condition, ...)                                                                                 \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

static struct arena arena;

static void open_arena(void)
{
    ck_assert_int_eq(arena_open(&arena, 1 << 20), 0);
}

static void close_arena(void)
{
    arena_close(&arena);
}

static bool is_printable(unsigned char byte)
{
    return byte >= 0x20 && byte <= 0x7e;
}

static bool all_are(struct span text, bool (*is)(unsigned char byte))
{
    for (size_t i = 0; i < text.length; i++)
        if (!is((unsigned char)text.at[i]))
            return false;
    return true;
}

/* C0, DEL or C1, as UTF-8. */
static uint32_t first_control(struct span text)
{
    for (size_t i = 0, size; i < text.length; i += size) {
        const uint32_t code_point = text_code_point(text, i, &size);
        if (code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0))
            return code_point == 0 ? UINT32_MAX : code_point;
    }
    return 0;
}

static void expect_case(struct span text, struct span changed, char first, char last)
{
    assert_quietly(changed.length == text.length, "%zu bytes of %zu", changed.length, text.length);
    for (size_t i = 0; i < text.length; i++) {
        const bool changes = text.at[i] >= first && text.at[i] <= last;
        assert_quietly(changed.at[i] == (changes ? text.at[i] ^ 0x20 : text.at[i]), "byte %zu of %zu", i, text.length);
    }
}

/* `text` is UTF-8. */
static void expect_the_same(struct span text)
{
    assert_quietly(text_is_printable_ascii(text) == all_are(text, is_printable), "printable: %.*s", SPAN_FORMAT(text));
    assert_quietly(text_find_control(text, "") == first_control(text), "control: %.*s", SPAN_FORMAT(text));
    expect_case(text, text_ascii_lower(text, &arena), 'A', 'Z');
    expect_case(text, text_ascii_upper(text, &arena), 'a', 'z');
    arena_reset(&arena, 0);
}

/* The UTF-8 of a code point between x's. The text is an allocation of its own size, so that a sanitizer sees a read
 * beyond it. */
static void expect_at_every_place(uint32_t code_point, size_t longest)
{
    char encoded[4];
    size_t size = 0;
    if (code_point >= 0x10000)
        encoded[size++] = (char)(0xf0 | code_point >> 18);
    if (code_point >= 0x800)
        encoded[size++] = (char)(code_point >= 0x10000 ? 0x80 | (code_point >> 12 & 0x3f) : 0xe0 | code_point >> 12);
    if (code_point >= 0x80)
        encoded[size++] = (char)(code_point >= 0x800 ? 0x80 | (code_point >> 6 & 0x3f) : 0xc0 | code_point >> 6);
    encoded[size++] = (char)(code_point >= 0x80 ? 0x80 | (code_point & 0x3f) : code_point);
    for (size_t length = size; length <= longest; length++) {
        char *const text = malloc(length);
        ck_assert_ptr_nonnull(text);
        for (size_t at = 0; at + size <= length; at++) {
            memset(text, 'x', length);
            memcpy(text + at, encoded, size);
            expect_the_same(span_of(text, length));
        }
        free(text);
    }
}

START_TEST(every_ascii_and_latin_character_at_every_place)
{
    expect_the_same(SPAN(""));
    for (uint32_t code_point = 0; code_point < 0x100; code_point++)
        expect_at_every_place(code_point, LONGEST);
}
END_TEST

START_TEST(every_code_point)
{
    for (uint32_t code_point = 0x100; code_point <= 0x10ffff; code_point++)
        if (code_point < 0xd800 || code_point > 0xdfff)
            expect_at_every_place(code_point, 4);
}
END_TEST

START_TEST(the_mask_is_that_of_any_machine)
{
    srandom(1);
    for (int round = 0; round < 100000; round++) {
        byte_marks marks;
        uint32_t expected = 0;
        for (unsigned i = 0; i < BYTE_BLOCK; i++) {
            marks[i] = random() & 1 ? 0xff : 0;
            expected |= (uint32_t)(marks[i] & 1) << i;
        }
        assert_quietly(byte_block_mask(marks) == expected, "%04x", (unsigned)expected);
        assert_quietly(byte_block_mask_portable(marks) == expected, "%04x", (unsigned)expected);
    }
}
END_TEST

/* Every byte of a short text is in its block, and nothing else is. */
START_TEST(a_short_text_fills_a_block)
{
    for (size_t length = 1; length <= BYTE_BLOCK; length++) {
        char *const text = malloc(length);
        ck_assert_ptr_nonnull(text);
        for (size_t i = 0; i < length; i++)
            text[i] = (char)(i + 1);
        const byte_block bytes = byte_block_of_short(span_of(text, length));
        uint32_t found = 0;
        for (unsigned i = 0; i < BYTE_BLOCK; i++)
            found |= UINT32_C(1) << bytes[i];
        ck_assert_uint_eq(found, (UINT32_C(1) << (length + 1)) - 2);
        free(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("byte_block");
    TCase *tests = tcase_create("byte_block");
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_ascii_and_latin_character_at_every_place);
    tcase_add_test(tests, every_code_point);
    tcase_add_test(tests, the_mask_is_that_of_any_machine);
    tcase_add_test(tests, a_short_text_fills_a_block);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
