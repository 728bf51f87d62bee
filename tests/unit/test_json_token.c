/* json_token: what a string's flags say of its content and of its token, compared with the content and with
 * json_writer, for random strings, the same in every run. */
#include <stdlib.h>

#include "common/json.h"
#include "common/json_writer.h"
#include "tests/unit/evaluating.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define TEXT_BYTES  ((size_t)1 << 20)
#define ROUNDS      200000
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* For loops over millions: Check records every passed assertion in a file, which takes longer than the test. */
#define assert_quietly(condition, ...)                                                                                 \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                                                 \
    } while (0)

static struct json_parser *parser;
static struct arena arena;
static uint64_t state = 20261127;

static void set_up(void)
{
    parser = json_parser_new(TEXT_BYTES);
    ck_assert_ptr_nonnull(parser);
    ck_assert_int_eq(arena_open(&arena, ARENA_BYTES), 0);
}

static void tear_down(void)
{
    arena_close(&arena);
    json_parser_free(parser);
}

static uint64_t draw(uint64_t bound)
{
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 33) % bound;
}

/* The document of `token`, which is a string, in the arena. */
static struct json_document document_of(struct span token)
{
    struct json_document document;
    struct json_fault fault;
    char *const text = arena_alloc(&arena, token.length + JSON_PADDING);
    span_copy(text, token);
    assert_quietly(json_parse(parser, text, token.length, 0, &arena, &document, &fault), "refused: %.*s",
                   SPAN_FORMAT(token));
    return document;
}

static bool all_are(struct span text, bool line_ends)
{
    for (size_t i = 0; i < text.length; i++)
        if ((text.at[i] < 0x20 || text.at[i] > 0x7e) && !(line_ends && (text.at[i] == '\t' || text.at[i] == '\n')))
            return false;
    return true;
}

/* A flag tells the truth in both directions. `shortest`: no escape is longer than needed. */
static void expect_string(struct span token, bool shortest)
{
    arena_reset(&arena, 0);
    struct json_document document = document_of(token);
    const struct span text = json_text(&document, 0), written = json_string_of(&arena, text);
    const uint8_t flags = document.nodes[0].flags;
    const bool is_plain = memchr(token.at, '\\', token.length) == NULL;
    assert_quietly(!(flags & JSON_PLAIN) == !is_plain, "plain: %.*s", SPAN_FORMAT(token));
    assert_quietly(!(flags & JSON_ASCII) == !all_are(text, false), "ASCII: %.*s", SPAN_FORMAT(token));
    assert_quietly(!(flags & JSON_LINES) == !all_are(text, true), "lines: %.*s", SPAN_FORMAT(token));
    assert_quietly(!(flags & JSON_SHORTEST) == !shortest, "shortest: %.*s", SPAN_FORMAT(token));

    const struct span kept = json_token(&document, 0);
    assert_quietly(is_plain ? span_equal(kept, written) : kept.at == NULL, "in place: %.*s", SPAN_FORMAT(token));
    document.original = token.at;
    const struct span given = json_token(&document, 0);
    assert_quietly(shortest ? span_equal(given, token) && span_equal(given, written) : given.at == NULL,
                   "original: %.*s", SPAN_FORMAT(token));
}

START_TEST(flags_and_tokens_of_random_strings_are_right)
{
    static const struct {
        struct span piece;
        bool is_longer; /* than what we write for it, or other digits */
    } pieces[] = {
        {SPAN("a"), false},      {SPAN("Broadway"), false},      {SPAN("1201 New York, NY "), false},
        {SPAN("~"), false},      {SPAN("\x7f"), false},          {SPAN("\u00e9"), false},
        {SPAN("\u65e5"), false}, {SPAN("\\n"), false},           {SPAN("\\t"), false},
        {SPAN("\\r"), false},    {SPAN("\\b"), false},           {SPAN("\\f"), false},
        {SPAN("\\\""), false},   {SPAN("\\\\"), false},          {SPAN("/"), false},
        {SPAN("\\/"), true},     {SPAN("\\u0041"), true},        {SPAN("\\u00e9"), true},
        {SPAN("\\u000a"), true}, {SPAN("\\ud834\\udd1e"), true},
    };
    for (int round = 0; round < ROUNDS; round++) {
        char token[512] = "\"", *to = token + 1;
        bool shortest = true;
        const uint64_t count = draw(12), kinds = 1 + draw(COUNT(pieces));
        for (uint64_t i = 0; i < count; i++) {
            const size_t piece = draw(kinds);
            to = span_copy(to, pieces[piece].piece);
            shortest = shortest && !pieces[piece].is_longer;
        }
        *to++ = '"';
        expect_string(span_of(token, (size_t)(to - token)), shortest);
    }
}
END_TEST

/* So many escapes are counted, and one more is not. */
START_TEST(a_token_has_a_bounded_number_of_escapes)
{
    for (size_t escapes = UINT8_MAX - 1; escapes <= UINT8_MAX + 1; escapes++) {
        char *const token = malloc(2 * escapes + 2);
        ck_assert_ptr_nonnull(token);
        for (size_t i = 0; i < escapes; i++)
            memcpy(token + 1 + 2 * i, "\\n", 2);
        token[0] = token[2 * escapes + 1] = '"';
        expect_string(span_of(token, 2 * escapes + 2), escapes <= UINT8_MAX);
        free(token);
    }
}
END_TEST

int main(void)
{
    TCase *const cases = tcase_create("json_token");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, flags_and_tokens_of_random_strings_are_right);
    tcase_add_test(cases, a_token_has_a_bounded_number_of_escapes);

    Suite *const suite = suite_create("json_token");
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
