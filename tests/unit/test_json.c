/* The JSON parser: accepted texts, and what it tells of them. */
#include <stdio.h>
#include <time.h>

#include "tests/unit/json_fixture.h"

START_TEST(values_become_nodes)
{
    static const struct {
        struct span text;
        struct span nodes;
    } rows[] = {
        /* Scalars may be the whole text; white space may surround everything. */
        {SPAN("null"), SPAN("null")},
        {SPAN("true"), SPAN("true")},
        {SPAN(" \t\r\nfalse \t\r\n"), SPAN("false")},
        {SPAN("\"\""), SPAN("''!~")},
        {SPAN("\"a\""), SPAN("'a'!~")},
        {SPAN("[]"), SPAN("[]")},
        {SPAN("{}"), SPAN("{}")},
        {SPAN(" [ ] "), SPAN("[]")},
        {SPAN(" { } "), SPAN("{}")},
        {SPAN("[[],{},[[]],{\"a\":{}}]"), SPAN("[[] {} [[]] {a={}}]")},
        {SPAN("[1,\"a\",null,true,false,[2],{\"b\":3}]"), SPAN("[1 'a'!~ null true false [2] {b=3}]")},
        {SPAN("{\"a\":1,\"b\":[true,{\"c\":null}],\"d\":\"e\"}"), SPAN("{a=1 b=[true {c=null}] d='e'!~}")},
        {SPAN("{ \"a\" : 1 ,\n\t\"b\" : \"c\" \r\n}"), SPAN("{a=1 b='c'!~}")},
        /* Numbers of any size stay text. */
        {SPAN("0"), SPAN("0")},
        {SPAN("-0"), SPAN("-0")},
        {SPAN("[0.0,-0.50,10,9007199254740993]"), SPAN("[0.0 -0.50 10 9007199254740993]")},
        {SPAN("[1e5,1E5,1e+5,1e-5,1.5e05,0e0]"), SPAN("[1e5 1E5 1e+5 1e-5 1.5e05 0e0]")},
        {SPAN("1e400"), SPAN("1e400")},
        {SPAN("-1e-400"), SPAN("-1e-400")},
        {SPAN("123456789012345678901234567890123456789012345678901234567890.5"),
         SPAN("123456789012345678901234567890123456789012345678901234567890.5")},
        /* Names: empty, escaped, case-sensitive, the same in different objects. */
        {SPAN("{\"\":1}"), SPAN("{=1}")},
        {SPAN("{\"\\u0061\\n\":1}"), SPAN("{a\n=1}")},
        {SPAN("{\"a\":1,\"A\":2}"), SPAN("{a=1 A=2}")},
        {SPAN("{\"a\":{\"a\":{\"a\":1}}}"), SPAN("{a={a={a=1}}}")},
        {SPAN("[{\"a\":1},{\"a\":1}]"), SPAN("[{a=1} {a=1}]")},
        {SPAN("{\"a\":1,\"a\\u0000\":2,\"a\\u0000\\u0000\":3}"), SPAN("{a=1 a\0=2 a\0\0=3}")},
        {SPAN("{\"a\":1,\" a\":2,\"a \":3}"), SPAN("{a=1  a=2 a =3}")},
        /* Escapes. */
        {SPAN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), SPAN("'\"\\/\b\f\n\r\t'")},
        {SPAN("\"\\\"\""), SPAN("'\"'~")},
        {SPAN("\"a\\/b\""), SPAN("'a/b'~")},
        {SPAN("\"\\\\\""), SPAN("'\\'~")},
        {SPAN("\"\\\\\\\\\""), SPAN("'\\\\'~")},
        {SPAN("\"\\u0041\\u0062c\""), SPAN("'Abc'~")},
        {SPAN("\"\\u0000\""), SPAN("'\0'")},
        {SPAN("\"\\u007e\""), SPAN("'~'~")},
        {SPAN("\"\\u007f\""), SPAN("'\x7f'")},
        {SPAN("\"\\u0080\\u07ff\\u0800\\uffff\""), SPAN("'\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf'")},
        {SPAN("\"\\uD834\\udd1E\""), SPAN("'\xf0\x9d\x84\x9e'")},
        {SPAN("\"\\ud800\\udc00\\udbff\\udfff\""), SPAN("'\xf0\x90\x80\x80\xf4\x8f\xbf\xbf'")},
        {SPAN("\"\\ud7ff\\ue000\""), SPAN("'\xed\x9f\xbf\xee\x80\x80'")},
        {SPAN("\"\\\\u0041\""), SPAN("'\\u0041'~")},
        /* Beyond ASCII, and strings that look like structure. */
        {SPAN("\"\xc3\xa9\""), SPAN("'\xc3\xa9'!")},
        {SPAN("\"\x7f\""), SPAN("'\x7f'!")},
        {SPAN("[\"\xc3\xa9\",\"e\",\"\\n\",\"f\"]"), SPAN("['\xc3\xa9'! 'e'!~ '\n' 'f'!~]")},
        {SPAN("\"\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf\""),
         SPAN("'\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf'!")},
        {SPAN("[\"[1,{\",\"}]:\",\"// /* */\",\"'\"]"), SPAN("['[1,{'!~ '}]:'!~ '// /* */'!~ '''!~]")},
        {SPAN("[\"\\\",\",\"\\\\\",\"]\"]"), SPAN("['\",'~ '\\'~ ']'!~]")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char nodes[256];
        ck_assert_msg(parse(rows[i].text), "%.*s: %s at %u", SPAN_FORMAT(rows[i].text), json_fault_text(fault.code),
                      fault.at);
        const struct span rendered = span_of(nodes, render(nodes, 0));
        ck_assert_msg(span_equal(rendered, rows[i].nodes), "%.*s became %.*s", SPAN_FORMAT(rows[i].text),
                      SPAN_FORMAT(rendered));
    }
}
END_TEST

START_TEST(nodes_say_where_things_are)
{
    const char text[] = " { \"a\" : \"b\\u0063d\" , \"ef\": [ 12 , \"gh\" ] } ";
    ck_assert(parse(SPAN(" { \"a\" : \"b\\u0063d\" , \"ef\": [ 12 , \"gh\" ] } ")));
    ck_assert_uint_eq(document.count, 5);
    ck_assert_ptr_eq(document.text, given);
    ck_assert(((uintptr_t)document.nodes & 7) == 0);

    const struct json_node *const nodes = document.nodes;
    ck_assert_uint_eq(nodes[0].at, 1);
    ck_assert_uint_eq(nodes[0].length, sizeof(text) - 1 - 2);
    ck_assert_uint_eq(nodes[0].next, 5);
    ck_assert_uint_eq(nodes[0].name_at, 0);
    ck_assert_uint_eq(nodes[0].name_length, 0);

    ck_assert_uint_eq(nodes[1].name_at, 4);
    ck_assert_uint_eq(nodes[1].at, 10);
    ck_assert_uint_eq(nodes[1].length, 3);
    ck_assert_uint_eq(nodes[1].next, 2);

    ck_assert_uint_eq(nodes[2].type, NODE_ARRAY);
    ck_assert(span_equal(json_text(&document, 2), SPAN("[ 12 , \"gh\" ]")));
    ck_assert_uint_eq(nodes[2].next, 5);

    ck_assert_uint_eq(nodes[3].name_at, 0);
    ck_assert_uint_eq(nodes[3].name_length, 0);
    ck_assert(span_equal(json_text(&document, 3), SPAN("12")));

    ck_assert(span_equal(json_text(&document, 4), SPAN("gh")));
    ck_assert(span_equal(json_token(&document, 4), SPAN("\"gh\"")));
    ck_assert_uint_eq(nodes[4].next, 5);
}
END_TEST

START_TEST(members_are_found_by_name)
{
    ck_assert(parse(SPAN("{\"a\":{\"b\":1,\"c\":[]},\"\":2,\"\\u0062\":[{\"d\":3}],\"bb\":4}")));
    ck_assert_uint_eq(json_member(&document, 0, SPAN("a")), 1);
    ck_assert_uint_eq(json_member(&document, 0, SPAN("")), 4);
    ck_assert_uint_eq(json_member(&document, 0, SPAN_NONE), 4);
    ck_assert_uint_eq(json_member(&document, 0, SPAN("b")), 5);
    ck_assert_uint_eq(json_member(&document, 0, SPAN("bb")), 8);
    ck_assert_uint_eq(json_member(&document, 0, SPAN("c")), 0);
    ck_assert_uint_eq(json_member(&document, 0, SPAN("d")), 0);
    ck_assert_uint_eq(json_member(&document, 1, SPAN("b")), 2);
    ck_assert_uint_eq(json_member(&document, 1, SPAN("a")), 0);
    ck_assert_uint_eq(json_member(&document, 2, SPAN("a")), 0);
    ck_assert_uint_eq(json_member(&document, 5, SPAN("d")), 0);
    ck_assert(parse(SPAN("{}")));
    ck_assert_uint_eq(json_member(&document, 0, SPAN("a")), 0);
}
END_TEST

/* Special bytes are searched in blocks, in the first pass too: an escape at every distance from their borders. */
START_TEST(escapes_are_found_at_every_place)
{
    static const struct {
        const char *token, *decoded;
        int flags;
    } rows[] = {{"\\n", "\n", JSON_LINES | JSON_SHORTEST},
                {"\\/", "/", JSON_ASCII | JSON_LINES},
                {"\\u00e9", "\xc3\xa9", 0},
                {"\xc3\xa9", "\xc3\xa9", JSON_PLAIN | JSON_SHORTEST},
                {"\x7f", "\x7f", JSON_PLAIN | JSON_SHORTEST},
                {"~", "~", JSON_PLAIN | JSON_ASCII | JSON_LINES | JSON_SHORTEST},
                {"\\\\", "\\", JSON_ASCII | JSON_LINES | JSON_SHORTEST},
                {"\\\"", "\"", JSON_ASCII | JSON_LINES | JSON_SHORTEST}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t before = 0; before < 150; before++) {
            for (size_t behind = 0; behind < 20; behind++) {
                char run[200], text[400], decoded[400];
                memset(run, 'x', sizeof(run));
                const int length = snprintf(text, sizeof(text), "[\"%.*s\",\"%.*s%s%.*s\",\"y\"]", (int)before / 2, run,
                                            (int)before, run, rows[i].token, (int)behind, run);
                const int kept = snprintf(decoded, sizeof(decoded), "%.*s%s%.*s", (int)before, run, rows[i].decoded,
                                          (int)behind, run);
                ck_assert(parse(span_of(text, (size_t)length)));
                ck_assert_uint_eq(document.nodes[1].flags, rows[5].flags);
                ck_assert_uint_eq(document.nodes[2].flags, rows[i].flags);
                ck_assert_uint_eq(document.nodes[3].flags, rows[5].flags);
                ck_assert(span_equal(json_text(&document, 2), span_of(decoded, (size_t)kept)));
            }
        }
    }
}
END_TEST

/* White space is read in blocks, so its length matters. */
START_TEST(white_space_of_every_length_is_skipped)
{
    for (size_t length = 0; length < 70; length++) {
        char space[70], text[800];
        for (size_t i = 0; i < length; i++)
            space[i] = " \n\r\t"[(i + length) % 4];
        const int run = (int)length;
        const int size = snprintf(text, sizeof(text), "%.*s{%.*s\"a\"%.*s:%.*s[%.*s1%.*s,%.*s2%.*s]%.*s}%.*s", run,
                                  space, run, space, run, space, run, space, run, space, run, space, run, space, run,
                                  space, run, space, run, space);
        ck_assert(parse(span_of(text, (size_t)size)));
        ck_assert_uint_eq(document.count, 4);
        ck_assert(span_equal(json_name(&document, 1), SPAN("a")));
        ck_assert(span_equal(json_text(&document, 2), SPAN("1")));
        ck_assert(span_equal(json_text(&document, 3), SPAN("2")));
        ck_assert_uint_eq(document.nodes[0].at, length);
        ck_assert_uint_eq(document.nodes[0].length, (size_t)size - 2 * length);

        /* A form feed is none, and the end of the text is no fault of white space. */
        const int wrong = snprintf(text, sizeof(text), "[%.*s\f]", run, space);
        ck_assert(!parse(span_of(text, (size_t)wrong)));
        ck_assert_uint_eq(fault.at, 1 + length);
        ck_assert(!parse(span_of(text, 1 + length)));
        ck_assert_uint_eq(fault.at, 1 + length);
    }
}
END_TEST

/* ---- Many members ---- */

/* An object of `count` members with names of eight digits between `prefix` and `suffix`; member number `again` (if
 * any) has the name of member 0. Sets *again_at to its position. */
static struct span object_of(char *text, uint32_t count, const char *prefix, const char *suffix, uint32_t again,
                             size_t *again_at)
{
    char *to = text;
    for (uint32_t i = 0; i < count; i++) {
        *to++ = i == 0 ? '{' : ',';
        if (i == again)
            *again_at = (size_t)(to - text);
        to += sprintf(to, "\"%s%08u%s\":%u", prefix, i == again ? 0 : i, suffix, i);
    }
    *to++ = '}';
    return span_of(text, (size_t)(to - text));
}

START_TEST(names_differ_in_objects_of_any_size)
{
    static const uint32_t counts[] = {2, 3, 15, 16, 17, 18, 31, 32, 33, 64, 100, 1000, 10000};
    static const char *const ends[] = {"", "a", "abcd", "\xc3\xa9", "\\n"};
    char *const text = malloc(CAPACITY);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < COUNT(counts); i++) {
        for (size_t j = 0; j < COUNT(ends); j++) {
            const uint32_t count = counts[i];
            size_t at = 0;
            arena_reset(&arena, 0);
            ck_assert(parse_to(object_of(text, count, ends[j], ends[j], UINT32_MAX, &at), DEPTH));
            ck_assert_uint_eq(document.count, count + 1);
            ck_assert_uint_eq(arena.used, document.count * sizeof(struct json_node));
            const uint32_t places[] = {1, count / 2, count - 1};
            for (size_t k = 0; k < COUNT(places); k++) {
                ck_assert(!parse_to(object_of(text, count, ends[j], ends[j], places[k], &at), DEPTH));
                ck_assert_int_eq(fault.code, JSON_DUPLICATE);
                ck_assert_uint_eq(fault.at, at);
            }
        }
    }
    free(text);
}
END_TEST

/* Large objects in a large object: each needs a table of its own, and the outer one's names are compared last. */
START_TEST(large_objects_nest)
{
    char *const text = malloc(CAPACITY);
    ck_assert_ptr_nonnull(text);
    for (int again = 0; again < 2; again++) {
        char *to = text;
        size_t last = 0;
        for (int outer = 0; outer < 50; outer++) {
            *to++ = outer == 0 ? '{' : ',';
            last = (size_t)(to - text);
            to += sprintf(to, "\"same end%04d\":", outer == 49 && again ? 25 : outer);
            for (int inner = 0; inner < 50; inner++)
                to += sprintf(to, "%c\"same end%04d\":[]", inner == 0 ? '{' : ',', inner);
            *to++ = '}';
        }
        *to++ = '}';
        ck_assert(parse(span_of(text, (size_t)(to - text))) == !again);
        if (again) {
            ck_assert_int_eq(fault.code, JSON_DUPLICATE);
            ck_assert_uint_eq(fault.at, last);
        } else {
            ck_assert_uint_eq(document.count, 1 + 50 * 51);
        }
    }
    free(text);
}
END_TEST

/* A comparison of all pairs of 40,000 names that differ only in the middle would take many seconds. */
START_TEST(many_members_take_no_quadratic_time)
{
    char *const text = malloc(2 * CAPACITY);
    ck_assert_ptr_nonnull(text);
    size_t at;
    const struct span object = object_of(text, 40000, "abcd", "efgh", UINT32_MAX, &at);
    ck_assert_uint_le(object.length, 2 * CAPACITY);
    struct json_parser *const large = json_parser_new(object.length);
    ck_assert_ptr_nonnull(large);
    char *const copy = malloc(object.length + JSON_PADDING);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, object.at, object.length);
    const clock_t begin = clock();
    ck_assert(json_parse(large, copy, object.length, 1, &arena, &document, &fault));
    ck_assert_double_lt((double)(clock() - begin) / CLOCKS_PER_SEC, 0.5);
    ck_assert_uint_eq(document.count, 40001);
    free(copy);
    free(text);
    json_parser_free(large);
}
END_TEST

/* ---- Memory ---- */

START_TEST(the_arena_holds_nodes_only)
{
    ck_assert(parse_to(SPAN("[1,2,{\"a\":3}]"), DEPTH));
    ck_assert_uint_eq(arena.used, 5 * sizeof(struct json_node));
    const struct json_document first = document;
    char *const kept = given;
    given = NULL;

    arena_copy(&arena, SPAN("odd"));
    ck_assert(parse_to(SPAN("{\"b\":\"c\"}"), DEPTH));
    ck_assert_uint_eq(arena.used, 5 * sizeof(struct json_node) + 8 + 2 * sizeof(struct json_node));
    ck_assert(span_equal(json_text(&document, 1), SPAN("c")));
    ck_assert(span_equal(json_text(&first, 4), SPAN("3")));
    free(kept);

    /* A failure leaves the arena as it was (parse_to checks that), even at an odd offset. */
    arena_copy(&arena, SPAN("odd"));
    ck_assert(!parse_to(SPAN("[1,2"), DEPTH));
    ck_assert(!parse_to(SPAN("[1,\"2"), DEPTH));
    ck_assert(!parse_to(SPAN("{\"a\":1,\"a\":1}"), DEPTH));
    ck_assert(!parse_to(SPAN("[[]]"), 1));
    ck_assert(!parse_to(SPAN("\xff"), DEPTH));
    ck_assert(!parse_to(SPAN(""), DEPTH));
}
END_TEST

START_TEST(a_parser_takes_its_capacity)
{
    static const size_t capacities[] = {1, 2, 63, 64, 65, 127, 128, 129, 1000};
    for (size_t i = 0; i < COUNT(capacities); i++) {
        const size_t capacity = capacities[i];
        struct json_parser *const tight = json_parser_new(capacity);
        ck_assert_ptr_nonnull(tight);
        char *const text = malloc(capacity + JSON_PADDING);
        ck_assert_ptr_nonnull(text);
        memset(text, '1', capacity);
        ck_assert(json_parse(tight, text, capacity, 0, &arena, &document, &fault));
        ck_assert_uint_eq(document.nodes[0].length, capacity);
        /* Nothing but structural characters. */
        memset(text, ',', capacity);
        ck_assert(!json_parse(tight, text, capacity, 0, &arena, &document, &fault));
        ck_assert_uint_eq(fault.at, 0);
        ck_assert(!json_parse(tight, text, 0, 0, &arena, &document, &fault));
        ck_assert_int_eq(fault.code, JSON_EMPTY);
        free(text);
        json_parser_free(tight);
    }
    ck_assert_ptr_null(json_parser_new(SIZE_MAX / 2));
    json_parser_free(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {values_become_nodes,
                                  nodes_say_where_things_are,
                                  members_are_found_by_name,
                                  escapes_are_found_at_every_place,
                                  white_space_of_every_length_is_skipped,
                                  names_differ_in_objects_of_any_size,
                                  large_objects_nest,
                                  many_members_take_no_quadratic_time,
                                  the_arena_holds_nodes_only,
                                  a_parser_takes_its_capacity};
    return json_suite_run("json", tests, COUNT(tests));
}
