/* json_fixture: a parser for each test, which parses a copy of the text; the result is in `document` or `fault`. */
#ifndef TESTS_UNIT_JSON_FIXTURE_H
#define TESTS_UNIT_JSON_FIXTURE_H

#include <stdlib.h>

#include "common/json.h"
#include "tests/lib/quick_check.h"

#define CAPACITY    (1u << 20)
#define ARENA_BYTES ((size_t)256 << 20)
#define DEPTH       16
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct json_parser *parser;
static struct arena arena;
static struct json_document document;
static struct json_fault fault;
static char *given; /* the parsed copy, of exactly the size that the contract requires, so that a sanitizer sees any
                     * overrun */

static inline void parser_set_up(void)
{
    parser = json_parser_new(CAPACITY);
    ck_assert_ptr_nonnull(parser);
    ck_assert_int_eq(arena_open(&arena, ARENA_BYTES), 0);
    given = NULL;
}

static inline void parser_tear_down(void)
{
    free(given);
    arena_close(&arena);
    json_parser_free(parser);
}

/* Parses a copy of `text`. Remains of another message follow it, as in a reused buffer. */
static inline bool parse_to(struct span text, uint32_t depth_limit)
{
    free(given);
    given = malloc(text.length + JSON_PADDING);
    ck_assert_ptr_nonnull(given);
    if (text.length > 0)
        memcpy(given, text.at, text.length);
    for (size_t i = 0; i < JSON_PADDING; i++)
        given[text.length + i] = "e\"]}0,u"[i % 7];
    const size_t used = arena.used;
    const bool ok = json_parse(parser, given, text.length, depth_limit, &arena, &document, &fault);
    if (!ok)
        ck_assert_uint_eq(arena.used, used);
    return ok;
}

static inline bool parse(struct span text)
{
    arena_reset(&arena, 0);
    return parse_to(text, DEPTH);
}

/* The nodes as text: the content of strings, followed by `!` for JSON_PLAIN and by `~` for JSON_ASCII, and a name as
 * name=. */
static inline size_t render(char *to, uint32_t at)
{
    static const char opening[] = {[NODE_ARRAY] = '[', [NODE_OBJECT] = '{'};
    const struct json_node *const node = &document.nodes[at];
    size_t length = 0;
    if (node->name_at > 0) {
        memcpy(to, json_name(&document, at).at, node->name_length);
        length = node->name_length;
        to[length++] = '=';
    }
    switch ((enum json_type)node->type) {
    case NODE_ARRAY:
    case NODE_OBJECT:
        to[length++] = opening[node->type];
        for (uint32_t child = at + 1; child < node->next; child = document.nodes[child].next) {
            if (child > at + 1)
                to[length++] = ' ';
            length += render(to + length, child);
        }
        to[length++] = (char)(opening[node->type] + 2);
        break;
    case NODE_STRING:
        to[length++] = '\'';
        memcpy(to + length, json_text(&document, at).at, node->length);
        length += node->length;
        to[length++] = '\'';
        if (node->flags & JSON_PLAIN)
            to[length++] = '!';
        if (node->flags & JSON_ASCII)
            to[length++] = '~';
        break;
    default:
        memcpy(to + length, json_text(&document, at).at, node->length);
        length += node->length;
    }
    return length;
}

/* Runs a suite of one case with these tests. Returns the exit status. */
static inline int json_suite_run(const char *name, const TTest *const tests[], size_t count)
{
    TCase *const cases = tcase_create(name);
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, parser_set_up, parser_tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(cases, tests[i]);
    Suite *const suite = suite_create(name);
    suite_add_tcase(suite, cases);
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
