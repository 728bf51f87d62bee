/* The JSON writer: escapes, integers, and that its output is contiguous at the end of the arena. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/json_writer.h"
#include "tests/lib/quick_check.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct arena arena;

static void arena_set_up(void)
{
    ck_assert_int_eq(arena_open(&arena, (size_t)1 << 20), 0);
}

static void arena_tear_down(void)
{
    arena_close(&arena);
}

START_TEST(strings_have_the_shortest_escapes)
{
    static const struct {
        struct span text;
        struct span written;
    } rows[] = {
        {SPAN(""), SPAN("\"\"")},
        {SPAN_NONE, SPAN("\"\"")},
        {SPAN("a"), SPAN("\"a\"")},
        {SPAN("Ada Lovelace"), SPAN("\"Ada Lovelace\"")},
        {SPAN("\""), SPAN("\"\\\"\"")},
        {SPAN("\\"), SPAN("\"\\\\\"")},
        {SPAN("/"), SPAN("\"/\"")},
        {SPAN("\b\f\n\r\t"), SPAN("\"\\b\\f\\n\\r\\t\"")},
        {SPAN("a\"b\\c\nd"), SPAN("\"a\\\"b\\\\c\\nd\"")},
        {SPAN("\0"), SPAN("\"\\u0000\"")},
        {SPAN("a\0b"), SPAN("\"a\\u0000b\"")},
        {SPAN("\x01\x07\x0b\x0e\x1b\x1f"), SPAN("\"\\u0001\\u0007\\u000b\\u000e\\u001b\\u001f\"")},
        {SPAN(" !#[]^~"), SPAN("\" !#[]^~\"")},
        /* DEL, C1 and the line separators are not controls in RFC 8259. */
        {SPAN("\x7f\xc2\x80\xc2\x85\xe2\x80\xa8\xe2\x80\xa9"),
         SPAN("\"\x7f\xc2\x80\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\"")},
        {SPAN("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), SPAN("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"")},
        {SPAN("<script>&'"), SPAN("\"<script>&'\"")},
        {SPAN("1201 Broadway\n704\nNew York"), SPAN("\"1201 Broadway\\n704\\nNew York\"")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct span written = json_string_of(&arena, rows[i].text);
        ck_assert_msg(span_equal(written, rows[i].written), "%.*s, not %.*s", SPAN_FORMAT(written),
                      SPAN_FORMAT(rows[i].written));
    }
}
END_TEST

/* Each byte in each position of a run, since the search for escapes takes sixteen bytes at a time. The text is an
 * allocation of its own size, so that a sanitizer sees a read beyond it. */
START_TEST(every_byte_at_every_place)
{
    for (int byte = 0; byte < 256; byte++) {
        for (size_t length = 1; length <= 36; length++) {
            for (size_t at = 0; at < length; at++) {
                char expected[48], *to = expected;
                char *const text = malloc(length);
                ck_assert_ptr_nonnull(text);
                memset(text, 'x', length);
                text[at] = (char)byte;
                *to++ = '"';
                for (size_t i = 0; i < length; i++) {
                    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
                    const char *name = NULL;
                    for (size_t pair = 0; pair + 1 < sizeof(named); pair += 2) {
                        if (named[pair] == text[i])
                            name = named + pair + 1;
                    }
                    if (name)
                        to += sprintf(to, "\\%c", *name);
                    else if ((unsigned char)text[i] < 0x20)
                        to += sprintf(to, "\\u%04x", text[i]);
                    else
                        *to++ = text[i];
                }
                *to++ = '"';
                const struct span written = json_string_of(&arena, span_of(text, length));
                if (!span_equal(written, span_of(expected, (size_t)(to - expected))))
                    ck_abort_msg("byte %d at %zu of %zu", byte, at, length);
                arena_reset(&arena, 0);
                free(text);
            }
        }
    }
}
END_TEST

/* Writes the string byte by byte. */
static size_t slow_string(struct span text, char *expected)
{
    char *to = expected;
    *to++ = '"';
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char byte = (unsigned char)text.at[i];
        const char *const named = byte ? strchr("\"\\\b\f\n\r\t", byte) : NULL;
        if (named)
            to += sprintf(to, "\\%c", "\"\\bfnrt"[named - strchr("\"\\\b\f\n\r\t", '"')]);
        else if (byte < 0x20)
            to += sprintf(to, "\\u%04x", byte);
        else
            *to++ = (char)byte;
    }
    *to++ = '"';
    return (size_t)(to - expected);
}

/* Escapes next to each other, at the ends of blocks and anywhere else, also in an arena with no room to spare. */
START_TEST(random_strings)
{
    static const char bytes[] = "abcdefghijklmnopqrstuvwxyz\"\\\n\x01\xc3\xa9\x7f";
    char text[100], expected[6 * sizeof(text) + 2];
    srandom(1);
    for (int round = 0; round < 50000; round++) {
        const size_t length = (size_t)random() % sizeof(text);
        const size_t kinds = random() & 1 ? sizeof(bytes) - 1 : 26 + (size_t)random() % 3;
        for (size_t i = 0; i < length; i++)
            text[i] = bytes[(size_t)random() % kinds];
        const size_t size = slow_string(span_of(text, length), expected);
        struct arena narrow = {.base = malloc(size), .capacity = size};
        const struct span written = json_string_of(&narrow, span_of(text, length));
        if (!span_equal(written, span_of(expected, size)))
            ck_abort_msg("%.*s, not %.*s", SPAN_FORMAT(written), (int)size, expected);
        free(narrow.base);
    }
}
END_TEST

START_TEST(integers)
{
    static const struct {
        int64_t value;
        struct span written;
    } rows[] = {
        {0, SPAN("0")},
        {1, SPAN("1")},
        {-1, SPAN("-1")},
        {9, SPAN("9")},
        {10, SPAN("10")},
        {-100, SPAN("-100")},
        {1795415880123, SPAN("1795415880123")},
        {INT64_MAX, SPAN("9223372036854775807")},
        {INT64_MIN, SPAN("-9223372036854775808")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_writer writer;
        writer_open(&writer, &arena);
        writer_integer(&writer, rows[i].value);
        const struct span written = writer_close(&writer);
        ck_assert_msg(span_equal(written, rows[i].written), "%.*s", SPAN_FORMAT(written));
    }
}
END_TEST

START_TEST(pieces_stand_together)
{
    const struct span odd = arena_copy(&arena, SPAN("odd"));
    struct json_writer writer;
    writer_open(&writer, &arena);
    ck_assert_uint_eq(writer_close(&writer).length, 0);

    writer_open(&writer, &arena);
    writer_literal(&writer, "{\"offset\":");
    writer_integer(&writer, 17);
    writer_raw(&writer, SPAN_NONE);
    writer_literal(&writer, ",\"topic\":");
    writer_string(&writer, SPAN("a\nb"));
    writer_literal(&writer, "}");
    const struct span first = writer_close(&writer);

    /* Later allocations do not change it. */
    memset(arena_alloc(&arena, 64), 'x', 64);
    const struct span second = json_string_of(&arena, SPAN("c"));
    ck_assert(span_equal(odd, SPAN("odd")));
    ck_assert(span_equal(first, SPAN("{\"offset\":17,\"topic\":\"a\\nb\"}")));
    ck_assert(span_equal(second, SPAN("\"c\"")));
}
END_TEST

/* Any text survives writing and reading it with our own parser. */
START_TEST(what_is_written_reads_back)
{
    struct json_parser *const parser = json_parser_new(8192);
    ck_assert_ptr_nonnull(parser);
    char text[4 * 0x80 + 8];
    size_t length = 0;
    for (char character = 0; (unsigned char)character < 0x80; character++) {
        text[length++] = character;
        memcpy(text + length, "\xe2\x82\xac", 3);
        length += 3;
    }
    const struct span written = json_string_of(&arena, span_of(text, length));
    arena_alloc(&arena, JSON_PADDING);
    struct json_document document;
    struct json_fault fault;
    ck_assert(json_parse(parser, arena.base, written.length, 0, &arena, &document, &fault));
    ck_assert(span_equal(json_text(&document, 0), span_of(text, length)));
    json_parser_free(parser);
}
END_TEST

START_TEST(an_arena_can_be_filled_to_its_last_byte)
{
    arena_alloc(&arena, arena.capacity - 16);
    arena_copy(&arena, SPAN("123"));
    const struct span written = json_string_of(&arena, SPAN("1234\n67890"));
    ck_assert(span_equal(written, SPAN("\"1234\\n67890\"")));
    ck_assert_uint_eq(arena.used, arena.capacity);
}
END_TEST

/* Ends in SIGABRT: an arena that is too small is our own mistake. */
START_TEST(a_full_arena_aborts)
{
    arena_alloc(&arena, arena.capacity - 16);
    json_string_of(&arena, SPAN("12345678901234567"));
}
END_TEST

int main(void)
{
    TCase *const cases = tcase_create("json_writer");
    tcase_add_checked_fixture(cases, arena_set_up, arena_tear_down);
    tcase_add_test(cases, strings_have_the_shortest_escapes);
    tcase_add_test(cases, every_byte_at_every_place);
    tcase_add_test(cases, random_strings);
    tcase_add_test(cases, integers);
    tcase_add_test(cases, pieces_stand_together);
    tcase_add_test(cases, what_is_written_reads_back);
    tcase_add_test(cases, an_arena_can_be_filled_to_its_last_byte);
    tcase_add_test_raise_signal(cases, a_full_arena_aborts, SIGABRT);

    Suite *const suite = suite_create("json_writer");
    suite_add_tcase(suite, cases);
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
