/* The JSON parser: accepted texts, refused texts and the position of the fault, and that no input can crash it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static void parser_set_up(void)
{
    parser = json_parser_new(CAPACITY);
    ck_assert_ptr_nonnull(parser);
    ck_assert_int_eq(arena_open(&arena, ARENA_BYTES), 0);
    given = NULL;
}

static void parser_tear_down(void)
{
    free(given);
    arena_close(&arena);
    json_parser_free(parser);
}

/* Parses a copy of `text`. Remains of another message follow it, as in a reused buffer. */
static bool parse_to(struct span text, uint32_t depth_limit)
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

static bool parse(struct span text)
{
    arena_reset(&arena, 0);
    return parse_to(text, DEPTH);
}

/* The nodes as text: the content of strings, followed by `!` for JSON_PLAIN and by `~` for JSON_ASCII, and a name as
 * name=. */
static size_t render(char *to, uint32_t at)
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

/* A row marks `at` by a '^' under the text, like a compiler; the texts hold no two-column characters. */
START_TEST(faults_have_a_place)
{
    static const struct {
        struct span text;
        enum json_fault_code code;
        const char *place;
    } rows[] = {
        {SPAN(""), JSON_EMPTY, "^"},
        {SPAN("  \n"), JSON_EMPTY, "   ^"},

        /* More or less than one value. */
        {SPAN("1 2"), JSON_SYNTAX, "  ^"},
        {SPAN("{}{}"), JSON_SYNTAX, "  ^"},
        {SPAN("{} x"), JSON_SYNTAX, "   ^"},
        {SPAN("[],"), JSON_SYNTAX, "  ^"},
        {SPAN("[]]"), JSON_SYNTAX, "  ^"},
        {SPAN("\"a\"\"b\""), JSON_SYNTAX, "   ^"},
        {SPAN("\"a\"b"), JSON_SYNTAX, "   ^"},
        {SPAN(","), JSON_SYNTAX, "^"},
        {SPAN(":"), JSON_SYNTAX, "^"},
        {SPAN("]"), JSON_SYNTAX, "^"},
        {SPAN("}"), JSON_SYNTAX, "^"},
        {SPAN("\xef\xbb\xbf{}"), JSON_SYNTAX, "^"},
        {SPAN("\xef\xbb\xbf"), JSON_SYNTAX, "^"},
        {SPAN("{}\0"), JSON_SYNTAX, "  ^"},
        {SPAN("\0"), JSON_SYNTAX, "^"},
        {SPAN("[1\0]"), JSON_SYNTAX, "  ^"},
        {SPAN("[\0]"), JSON_SYNTAX, " ^"},

        /* Arrays. */
        {SPAN("["), JSON_SYNTAX, " ^"},
        {SPAN("[1"), JSON_SYNTAX, "  ^"},
        {SPAN("[1,"), JSON_SYNTAX, "   ^"},
        {SPAN("[1,]"), JSON_SYNTAX, "   ^"},
        {SPAN("[,1]"), JSON_SYNTAX, " ^"},
        {SPAN("[,]"), JSON_SYNTAX, " ^"},
        {SPAN("[1,,2]"), JSON_SYNTAX, "   ^"},
        {SPAN("[1 2]"), JSON_SYNTAX, "   ^"},
        {SPAN("[\"a\" \"b\"]"), JSON_SYNTAX, "     ^"},
        {SPAN("[1}"), JSON_SYNTAX, "  ^"},
        {SPAN("[}"), JSON_SYNTAX, " ^"},
        {SPAN("[\"a\":1]"), JSON_SYNTAX, "    ^"},
        {SPAN("[1:2]"), JSON_SYNTAX, "  ^"},
        {SPAN("[[]"), JSON_SYNTAX, "   ^"},
        {SPAN("[[[["), JSON_SYNTAX, "    ^"},
        {SPAN("[]["), JSON_SYNTAX, "  ^"},
        {SPAN("[(1)]"), JSON_SYNTAX, " ^"},

        /* Objects. */
        {SPAN("{"), JSON_SYNTAX, " ^"},
        {SPAN("{]"), JSON_SYNTAX, " ^"},
        {SPAN("{\"a\""), JSON_SYNTAX, "    ^"},
        {SPAN("{\"a\":"), JSON_SYNTAX, "     ^"},
        {SPAN("{\"a\":1"), JSON_SYNTAX, "      ^"},
        {SPAN("{\"a\":1,"), JSON_SYNTAX, "       ^"},
        {SPAN("{\"a\":1,}"), JSON_SYNTAX, "       ^"},
        {SPAN("{,\"a\":1}"), JSON_SYNTAX, " ^"},
        {SPAN("{\"a\":1]"), JSON_SYNTAX, "      ^"},
        {SPAN("{\"a\"}"), JSON_SYNTAX, "    ^"},
        {SPAN("{\"a\":}"), JSON_SYNTAX, "     ^"},
        {SPAN("{\"a\" 1}"), JSON_SYNTAX, "     ^"},
        {SPAN("{\"a\",1}"), JSON_SYNTAX, "    ^"},
        {SPAN("{\"a\"::1}"), JSON_SYNTAX, "     ^"},
        {SPAN("{\"a\":1 \"b\":2}"), JSON_SYNTAX, "       ^"},
        {SPAN("{\"a\":1:2}"), JSON_SYNTAX, "      ^"},
        {SPAN("{a:1}"), JSON_SYNTAX, " ^"},
        {SPAN("{'a':1}"), JSON_SYNTAX, " ^"},
        {SPAN("{1:1}"), JSON_SYNTAX, " ^"},
        {SPAN("{null:1}"), JSON_SYNTAX, " ^"},
        {SPAN("{[]:1}"), JSON_SYNTAX, " ^"},
        {SPAN("{\"a\":1}/**/"), JSON_SYNTAX, "       ^"},
        {SPAN("//\n{}"), JSON_SYNTAX, "^"},

        /* Literals. */
        {SPAN("nul"), JSON_SYNTAX, "   ^"},
        {SPAN("[nul]"), JSON_SYNTAX, "    ^"},
        {SPAN("nulll"), JSON_SYNTAX, "    ^"},
        {SPAN("nullnull"), JSON_SYNTAX, "    ^"},
        {SPAN("True"), JSON_SYNTAX, "^"},
        {SPAN("tRue"), JSON_SYNTAX, " ^"},
        {SPAN("truE"), JSON_SYNTAX, "   ^"},
        {SPAN("true1"), JSON_SYNTAX, "    ^"},
        {SPAN("fals"), JSON_SYNTAX, "    ^"},
        {SPAN("falsey"), JSON_SYNTAX, "     ^"},
        {SPAN("true\"a\""), JSON_SYNTAX, "    ^"},
        {SPAN("true\0"), JSON_SYNTAX, "    ^"},
        {SPAN("[true\xc2\xa0]"), JSON_SYNTAX, "     ^"},
        {SPAN("undefined"), JSON_SYNTAX, "^"},

        /* Numbers. */
        {SPAN("NaN"), JSON_SYNTAX, "^"},
        {SPAN("-NaN"), JSON_SYNTAX, " ^"},
        {SPAN("nan"), JSON_SYNTAX, " ^"},
        {SPAN("Infinity"), JSON_SYNTAX, "^"},
        {SPAN("-Infinity"), JSON_SYNTAX, " ^"},
        {SPAN("+1"), JSON_SYNTAX, "^"},
        {SPAN("-"), JSON_SYNTAX, " ^"},
        {SPAN("--1"), JSON_SYNTAX, " ^"},
        {SPAN("- 1"), JSON_SYNTAX, " ^"},
        {SPAN("01"), JSON_SYNTAX, " ^"},
        {SPAN("-01"), JSON_SYNTAX, "  ^"},
        {SPAN("00"), JSON_SYNTAX, " ^"},
        {SPAN("1."), JSON_SYNTAX, "  ^"},
        {SPAN("[1.]"), JSON_SYNTAX, "   ^"},
        {SPAN(".5"), JSON_SYNTAX, "^"},
        {SPAN("-.5"), JSON_SYNTAX, " ^"},
        {SPAN("1.e5"), JSON_SYNTAX, "  ^"},
        {SPAN("1.2.3"), JSON_SYNTAX, "   ^"},
        {SPAN("1e"), JSON_SYNTAX, "  ^"},
        {SPAN("1e+"), JSON_SYNTAX, "   ^"},
        {SPAN("1e+-1"), JSON_SYNTAX, "   ^"},
        {SPAN("1e1.5"), JSON_SYNTAX, "   ^"},
        {SPAN("1e5e5"), JSON_SYNTAX, "   ^"},
        {SPAN("1E"), JSON_SYNTAX, "  ^"},
        {SPAN("0x1f"), JSON_SYNTAX, " ^"},
        {SPAN("1_000"), JSON_SYNTAX, " ^"},
        {SPAN("1a"), JSON_SYNTAX, " ^"},
        {SPAN("1\"a\""), JSON_SYNTAX, " ^"},
        {SPAN("1[]"), JSON_SYNTAX, " ^"},
        {SPAN("[1\f]"), JSON_SYNTAX, "  ^"},
        {SPAN("[1\v]"), JSON_SYNTAX, "  ^"},
        {SPAN("[\f1]"), JSON_SYNTAX, " ^"},
        {SPAN("[\x1a"
              "1]"),
         JSON_SYNTAX, " ^"},
        {SPAN("[1\x1a]"), JSON_SYNTAX, "  ^"},
        {SPAN("[\"a\"\f]"), JSON_SYNTAX, "    ^"},
        {SPAN("{\"a\"\x1a"
              "1}"),
         JSON_SYNTAX, "    ^"},

        /* Strings: not closed, raw controls, escapes that do not exist. */
        {SPAN("\""), JSON_SYNTAX, " ^"},
        {SPAN("\"a"), JSON_SYNTAX, "  ^"},
        {SPAN("\"a\\\""), JSON_SYNTAX, "    ^"},
        {SPAN("\"\\"), JSON_SYNTAX, "  ^"},
        {SPAN("[\"a]"), JSON_SYNTAX, "    ^"},
        {SPAN("\"a\nb\""), JSON_SYNTAX, "  ^"},
        {SPAN("\"a\tb\""), JSON_SYNTAX, "  ^"},
        {SPAN("\"\0\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\x1f\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\\n\""), JSON_SYNTAX, " ^"},
        {SPAN("\"a\\q"), JSON_SYNTAX, "    ^"},
        {SPAN("\"a\\\x7f"), JSON_SYNTAX, "  ^"},
        {SPAN("\"a\\\xc3\xa9\\\n"), JSON_SYNTAX, "  ^"},
        {SPAN("{\"a\" \"b"), JSON_SYNTAX, "       ^"},
        {SPAN("{\"a\" \"b\nc"), JSON_SYNTAX, "       ^"},
        {SPAN("[-\"a"), JSON_SYNTAX, "    ^"},
        {SPAN("[tru\"a"), JSON_SYNTAX, "      ^"},
        {SPAN("[\"a\",\"\n\",\"b"), JSON_SYNTAX, "      ^"},
        {SPAN("\"a\\x41\""), JSON_SYNTAX, "  ^"},
        {SPAN("\"\\a\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\'\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\0\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\N\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\U0041\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\\xc3\xa9\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\n\\u\""), JSON_SYNTAX, "   ^"},
        {SPAN("\"\\u1\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\u12\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\u123\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\u123g\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\u12 4\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\u+123\""), JSON_SYNTAX, " ^"},
        {SPAN("\"\\u00\xc3\xa9\""), JSON_SYNTAX, " ^"},
        {SPAN("[\"\\u00\",\"00\"]"), JSON_SYNTAX, "  ^"},
        {SPAN("{\"a\\q\":1}"), JSON_SYNTAX, "   ^"},
        {SPAN("\\\"a\""), JSON_SYNTAX, "^"},
        {SPAN("[\"a\"\\]"), JSON_SYNTAX, "    ^"},
        {SPAN("[\\u0041]"), JSON_SYNTAX, " ^"},

        /* A stray quote shows at the end, but its position is where the grammar broke first. */
        {SPAN("{\"a\":\"5\" tall\"}"), JSON_SYNTAX, "         ^"},
        {SPAN("{\"a\":x,\"b\":\"c"), JSON_SYNTAX, "     ^"},
        {SPAN("[01,\"a\nb\"]"), JSON_SYNTAX, "  ^"},
        {SPAN("1 \"a"), JSON_SYNTAX, "  ^"},
        {SPAN("[\"\\ud800\",\"a"), JSON_SURROGATE, "  ^"},
        {SPAN("[{\"a\":1,\"a\":2},\"a"), JSON_DUPLICATE, "        ^"},

        /* Halves of surrogate pairs. */
        {SPAN("\"\\ud800\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\udbff x\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\udc00\""), JSON_SURROGATE, " ^"},
        {SPAN("\"a\\uDFFF\""), JSON_SURROGATE, "  ^"},
        {SPAN("\"\\ud800\\ud800\\udc00\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\ud800\\n\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\ud800\\u0041\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\ud800\\ue000\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\ud800udc00\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\udc00\\ud800\""), JSON_SURROGATE, " ^"},
        {SPAN("\"\\ud834\\udd1e\\udd1e\""), JSON_SURROGATE, "             ^"},
        {SPAN("[\"\\ud834\",\"\\udd1e\"]"), JSON_SURROGATE, "  ^"},
        {SPAN("{\"\\ud834\":1}"), JSON_SURROGATE, "  ^"},
        {SPAN("\"\\ud800\\u12\""), JSON_SYNTAX, "       ^"},

        /* The same name twice; the position is the second one's quote. */
        {SPAN("{\"a\":1,\"a\":1}"), JSON_DUPLICATE, "       ^"},
        {SPAN("{\"\":1,\"\":2}"), JSON_DUPLICATE, "      ^"},
        {SPAN("{\"a\":1,\"\\u0061\":2}"), JSON_DUPLICATE, "       ^"},
        {SPAN("{\"\\u0061\":1,\"a\":2}"), JSON_DUPLICATE, "            ^"},
        {SPAN("{\"a\\/b\":1,\"a/b\":2}"), JSON_DUPLICATE, "          ^"},
        {SPAN("{\"\\u00e9\":1,\"\xc3\xa9\":2}"), JSON_DUPLICATE, "            ^"},
        {SPAN("{\"\\u0000\":1,\"\\u0000\":2}"), JSON_DUPLICATE, "            ^"},
        {SPAN("{\"a\":1,\"b\":2,\"a\" :3}"), JSON_DUPLICATE, "             ^"},
        {SPAN("{\"a\":{\"b\":1,\"c\":2},\"b\":[{}],\"a\":3}"), JSON_DUPLICATE, "                            ^"},
        {SPAN("{\"a\":[{\"b\":{\"c\":1,\"c\":2}}]}"), JSON_DUPLICATE, "                  ^"},
        {SPAN("{\"abcdefgh1\":1,\"abcdefgh2\":1,\"abcdefgh1\":1}"), JSON_DUPLICATE, "                             ^"},
        {SPAN("{\"a\":1,\"b\":1,\"b\":1,\"a\":1}"), JSON_DUPLICATE, "             ^"},
        /* A text that is not JSON is reported as such, whatever else is wrong. */
        {SPAN("{\"a\":1,\"a\":2"), JSON_SYNTAX, "            ^"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        ck_assert_msg(!parse(rows[i].text), "taken: %.*s", SPAN_FORMAT(rows[i].text));
        ck_assert_msg(fault.code == rows[i].code && fault.at == strlen(rows[i].place) - 1, "%.*s: %s at %u",
                      SPAN_FORMAT(rows[i].text), json_fault_text(fault.code), fault.at);
    }
}
END_TEST

/* RFC 3629. Each row is tried in a string, in a name, between values, and at the end. */
START_TEST(broken_utf8_is_called_so)
{
    static const struct {
        const char *bytes;
        const char *error;
    } rows[] = {
        {"\x80", "continuation alone"},
        {"\xbf", "continuation alone"},
        {"\xc3", "second byte missing"},
        {"\xc3(", "second byte missing"},
        {"\xe2\x82", "third byte missing"},
        {"\xf0\x9f\x98", "fourth byte missing"},
        {"\xc3\xa9\xa9", "one continuation too many"},
        {"\xc0\x80", "overlong NUL"},
        {"\xc0\xaf", "overlong slash"},
        {"\xc1\xbf", "overlong DEL"},
        {"\xe0\x80\x80", "overlong in three bytes"},
        {"\xe0\x9f\xbf", "overlong U+07FF"},
        {"\xf0\x80\x80\x80", "overlong in four bytes"},
        {"\xf0\x8f\xbf\xbf", "overlong U+FFFF"},
        {"\xed\xa0\x80", "U+D800"},
        {"\xed\xbf\xbf", "U+DFFF"},
        {"\xed\xa0\xb4\xed\xb4\x9e", "CESU-8 pair"},
        {"\xf4\x90\x80\x80", "U+110000"},
        {"\xf5\x80\x80\x80", "beyond U+13FFFF"},
        {"\xf8\x88\x80\x80\x80", "five bytes"},
        {"\xfc\x84\x80\x80\x80\x80", "six bytes"},
        {"\xfe", "never a byte of UTF-8"},
        {"\xff", "never a byte of UTF-8"},
        {"\xff\xfe[\0]\0", "UTF-16 byte-order mark"},
    };
    static const char *const places[] = {"\"%s\"", "{\"%s\":1}", "{\"a\":1,%s\"b\":2}", "[1]%s",
                                         /* Other faults do not hide it. */
                                         "[\"%s\"", "[\"%s", "[\"\n%s\"]", "{{%s"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(places); j++) {
            char text[64];
            char *const mark = strstr(strcpy(text, places[j]), "%s");
            const char *const behind = strstr(places[j], "%s") + 2;
            strcpy(mark, rows[i].bytes);
            strcat(text, behind);
            ck_assert_msg(!parse(span_of_text(text)), "%s taken in %s", rows[i].error, places[j]);
            ck_assert_msg(fault.code == JSON_UTF8 && fault.at == 0, "%s in %s: %s at %u", rows[i].error, places[j],
                          json_fault_text(fault.code), fault.at);
        }
    }
}
END_TEST

START_TEST(depth_counts_open_containers)
{
    static const struct {
        const char *text;
        uint32_t limit;
        int64_t fault_at; /* -1: none */
        uint32_t depth;
    } rows[] = {
        {"1", 0, -1, 0},
        {"\"[[[\"", 0, -1, 0},
        {"[]", 0, 0, 0},
        {"{}", 0, 0, 0},
        {"[]", 1, -1, 1},
        {"[1,{}]", 1, 3, 0},
        {"[[],[],[]]", 2, -1, 2},
        {"[[],[[]],[]]", 2, 5, 0},
        {"{\"a\":{\"b\":[1]}}", 3, -1, 3},
        {"{\"a\":{\"b\":[1]}}", 2, 10, 0},
        {"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", 16, -1, 16},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", 16, 16, 0},
        {"[[[[[[[[[[[[[[[[{", 16, 16, 0},
        {"[[[]],[[[]]]]", UINT32_MAX, -1, 4},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bool ok = parse_to(span_of_text(rows[i].text), rows[i].limit);
        ck_assert_msg(ok == (rows[i].fault_at < 0), "%s within %u", rows[i].text, rows[i].limit);
        if (ok) {
            ck_assert_msg(document.depth == rows[i].depth, "%s has depth %u", rows[i].text, document.depth);
        } else {
            ck_assert_int_eq(fault.code, JSON_DEPTH);
            ck_assert_msg(fault.at == rows[i].fault_at, "%s at %u", rows[i].text, fault.at);
        }
    }
}
END_TEST

START_TEST(a_thousand_deep)
{
    enum { HIGH = 1000 };
    char text[6 * HIGH + 1];
    for (int i = 0; i < HIGH; i++)
        memcpy(text + 5 * i, "{\"a\":", 5);
    text[5 * HIGH] = '1';
    memset(text + 5 * HIGH + 1, '}', HIGH);
    const struct span whole = span_of(text, sizeof(text));

    ck_assert(parse_to(whole, HIGH));
    ck_assert_uint_eq(document.count, HIGH + 1);
    ck_assert_uint_eq(document.depth, HIGH);
    for (uint32_t i = 0; i < HIGH; i++) {
        ck_assert_uint_eq(document.nodes[i].next, HIGH + 1);
        ck_assert_uint_eq(document.nodes[i].length, sizeof(text) - 6 * i);
    }
    ck_assert(!parse_to(whole, HIGH - 1));
    ck_assert_int_eq(fault.code, JSON_DEPTH);
    ck_assert_uint_eq(fault.at, 5 * (HIGH - 1));
    ck_assert(!parse_to(span_of(text, sizeof(text) - 1), HIGH));
    ck_assert_int_eq(fault.code, JSON_SYNTAX);
    ck_assert_uint_eq(fault.at, sizeof(text) - 1);

    char *const open = malloc(CAPACITY);
    ck_assert_ptr_nonnull(open);
    memset(open, '[', CAPACITY);
    ck_assert(!parse_to(span_of(open, CAPACITY), DEPTH));
    ck_assert_int_eq(fault.code, JSON_DEPTH);
    ck_assert(!parse_to(span_of(open, CAPACITY), CAPACITY));
    ck_assert_int_eq(fault.code, JSON_SYNTAX);
    ck_assert_uint_eq(fault.at, CAPACITY);
    memset(open + CAPACITY / 2, ']', CAPACITY / 2);
    ck_assert(parse_to(span_of(open, CAPACITY), CAPACITY / 2));
    ck_assert_uint_eq(document.depth, CAPACITY / 2);
    free(open);
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

/* ---- The contract's example, cut and mutated ---- */

static const char example[] =
    "{\"commandId\": \"import-7/001\", \"workspaceId\": \"acme\", \"sendInvite\": true,\n"
    " \"givenName\": \"Ada\", \"familyName\": \"Lovelace\", \"email\": \"ada@example.com\",\n"
    " \"companyId\": \"29a80abc-8d1c\", \"customFields\": {\n"
    "   \"services\": [\"fileSharing\", \"metrics\"], \"pronouns\": \"She/Her/Hers\", \"phoneNumber\": "
    "\"+14441234576\",\n"
    "   \"address\": {\"country\": \"US\", \"region\": \"New York\", \"postalCode\": \"10001\",\n"
    "     \"addressLine1\": \"1201 Broadway\", \"addressLine2\": \"704\", \"city\": \"New York\",\n"
    "     \"fullAddress\": \"1201 Broadway\\n704\\nNew York, New York, 10001\\nUnited States\"}}}";

/* Constructs that the example lacks. */
static const char mixture[] = "[{\"a\\u00e9b\":-0.5e+1,\"ab\":12, \"\":[ ]},null,false,\"\\ud834\\udd1e\\\\\\\"\",{},"
                              "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",{\"k\":{\"k\":\"k\"},\"l\":0,\"kk\":10}]";

START_TEST(the_example_is_taken)
{
    ck_assert(parse(span_of_text(example)));
    ck_assert_uint_eq(document.count, 22);
    ck_assert_uint_eq(document.depth, 3);
    const uint32_t fields = json_member(&document, 0, SPAN("customFields"));
    const uint32_t address = json_member(&document, fields, SPAN("address"));
    const uint32_t full = json_member(&document, address, SPAN("fullAddress"));
    ck_assert(
        span_equal(json_text(&document, full), SPAN("1201 Broadway\n704\nNew York, New York, 10001\nUnited States")));
}
END_TEST

/* Every missing end is detected, at the end. */
START_TEST(every_cut_is_a_fault_at_the_end)
{
    const struct span texts[] = {span_of_text(example), span_of_text(mixture)};
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t length = 0; length < texts[i].length; length++) {
            ck_assert_msg(!parse(span_of(texts[i].at, length)), "taken at %zu", length);
            if (length == 0) {
                ck_assert_int_eq(fault.code, JSON_EMPTY);
            } else if (fault.code == JSON_UTF8) {
                ck_assert_msg((texts[i].at[length] & 0xc0) == 0x80, "%zu cuts no character", length);
            } else {
                ck_assert_int_eq(fault.code, JSON_SYNTAX);
                ck_assert_msg(fault.at == length, "cut at %zu, fault at %u", length, fault.at);
            }
        }
    }
}
END_TEST

static bool same_value(uint32_t at, const json_t *checked)
{
    const struct json_node *const node = &document.nodes[at];
    const struct span text = json_text(&document, at);
    switch ((enum json_type)node->type) {
    case NODE_NULL:
        return json_is_null(checked);
    case NODE_FALSE:
        return json_is_false(checked);
    case NODE_TRUE:
        return json_is_true(checked);
    case NODE_NUMBER:
        return json_is_number(checked) && strtod(text.at, NULL) == json_number_value(checked);
    case NODE_STRING:
        return json_is_string(checked) &&
               span_equal(text, span_of(json_string_value(checked), json_string_length(checked)));
    case NODE_ARRAY: {
        size_t count = 0;
        for (uint32_t child = at + 1; child < node->next; child = document.nodes[child].next) {
            if (!same_value(child, json_array_get(checked, count++)))
                return false;
        }
        return json_is_array(checked) && json_array_size(checked) == count;
    }
    case NODE_OBJECT: {
        size_t count = 0;
        for (uint32_t child = at + 1; child < node->next; child = document.nodes[child].next, count++) {
            const struct span name = json_name(&document, child);
            if (!same_value(child, json_object_getn(checked, name.at, name.length)))
                return false;
        }
        return json_is_object(checked) && json_object_size(checked) == count;
    }
    }
    return false;
}

/* Compares with jansson, an independent parser: it must accept the same texts and read the same values. The two may
 * differ where jansson cannot hold a number (ours stays text) or a NUL in a name. A raw NUL is never JSON, but
 * jansson skips one after a number, so it does not see such texts. */
static void compare_with_jansson(struct span text)
{
    if (text.length > 0 && memchr(text.at, 0, text.length)) {
        ck_assert_msg(!parse(text), "taken with a NUL: %.*s", SPAN_FORMAT(text));
        return;
    }
    json_error_t error;
    json_t *const checked =
        json_loadb(text.at, text.length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    const bool ok = parse(text);
    if (checked) {
        ck_assert_msg(ok, "refused (%s at %u): %.*s", json_fault_text(fault.code), fault.at, SPAN_FORMAT(text));
        ck_assert_msg(same_value(0, checked), "read differently: %.*s", SPAN_FORMAT(text));
        json_decref(checked);
    } else if (json_error_code(&error) != json_error_numeric_overflow &&
               json_error_code(&error) != json_error_null_byte_in_key) {
        ck_assert_msg(!ok, "taken (%s): %.*s", error.text, SPAN_FORMAT(text));
        ck_assert_uint_le(fault.at, text.length);
    }
}

static void compare_mutations(struct span text, struct span bytes)
{
    char mutated[sizeof(example) + 1];
    ck_assert_uint_le(text.length + 1, sizeof(mutated));
    for (size_t at = 0; at <= text.length; at++) {
        /* One byte removed, one replaced, one inserted. */
        memcpy(mutated, text.at, at);
        if (at < text.length) {
            memcpy(mutated + at, text.at + at + 1, text.length - at - 1);
            compare_with_jansson(span_of(mutated, text.length - 1));
            memcpy(mutated, text.at, text.length);
            for (size_t i = 0; i < bytes.length; i++) {
                mutated[at] = bytes.at[i];
                compare_with_jansson(span_of(mutated, text.length));
            }
        }
        memcpy(mutated + at + 1, text.at + at, text.length - at);
        for (size_t i = 0; i < bytes.length; i++) {
            mutated[at] = bytes.at[i];
            compare_with_jansson(span_of(mutated, text.length + 1));
        }
    }
}

START_TEST(jansson_agrees_on_mutations)
{
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    compare_mutations(span_of_text(mixture), span_of(all, sizeof(all)));
    compare_mutations(span_of_text(example), SPAN("\"\\{}[]:,0 1e-\n\0\x1f\x7f\x80\xc3\xff"));
}
END_TEST

/* Texts that a grammar would hardly produce: pieces in random order, the same in every run. */
START_TEST(jansson_agrees_on_random_texts)
{
    static const struct span pieces[] = {
        SPAN("{"),
        SPAN("}"),
        SPAN("["),
        SPAN("]"),
        SPAN(","),
        SPAN(":"),
        SPAN("\""),
        SPAN("\"a\""),
        SPAN("\"b\""),
        SPAN("\"a\":"),
        SPAN("\"b\":"),
        SPAN("1"),
        SPAN("-2.5"),
        SPAN("e3"),
        SPAN("true"),
        SPAN("null"),
        SPAN("\\"),
        SPAN("\\\""),
        SPAN("\\u00e9"),
        SPAN(" "),
        SPAN("\n"),
        SPAN("\xc3\xa9"),
        SPAN("\xef\xbb\xbf"),
        SPAN("\\ud834"),
        SPAN("\\udd1e"),
        SPAN("\f"),
        SPAN("\x1a"),
        SPAN("0"),
    };
    uint64_t state = 20261123;
    for (int round = 0; round < 60000; round++) {
        char text[256];
        size_t length = 0;
        /* Every second text begins as an array or object, otherwise few would get far. */
        text[length++] = " [ {"[round % 4];
        state = state * 6364136223846793005 + 1442695040888963407;
        const unsigned count = state >> 60;
        for (unsigned i = 0; i < count; i++) {
            state = state * 6364136223846793005 + 1442695040888963407;
            const struct span piece = pieces[(state >> 33) % COUNT(pieces)];
            memcpy(text + length, piece.at, piece.length);
            length += piece.length;
        }
        compare_with_jansson(span_of(text, length));
    }
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

START_TEST(faults_have_texts)
{
    for (int code = JSON_OK; code <= JSON_DEPTH; code++) {
        for (int other = JSON_OK; other < code; other++)
            ck_assert_str_ne(json_fault_text((enum json_fault_code)code), json_fault_text((enum json_fault_code)other));
    }
    ck_assert_str_eq(json_fault_text(JSON_DUPLICATE), "a member stands twice in one object");
}
END_TEST

int main(void)
{
    TCase *const cases = tcase_create("json");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, parser_set_up, parser_tear_down);
    tcase_add_test(cases, values_become_nodes);
    tcase_add_test(cases, faults_have_a_place);
    tcase_add_test(cases, broken_utf8_is_called_so);
    tcase_add_test(cases, depth_counts_open_containers);
    tcase_add_test(cases, a_thousand_deep);
    tcase_add_test(cases, nodes_say_where_things_are);
    tcase_add_test(cases, members_are_found_by_name);
    tcase_add_test(cases, escapes_are_found_at_every_place);
    tcase_add_test(cases, white_space_of_every_length_is_skipped);
    tcase_add_test(cases, names_differ_in_objects_of_any_size);
    tcase_add_test(cases, large_objects_nest);
    tcase_add_test(cases, many_members_take_no_quadratic_time);
    tcase_add_test(cases, the_example_is_taken);
    tcase_add_test(cases, every_cut_is_a_fault_at_the_end);
    tcase_add_test(cases, jansson_agrees_on_mutations);
    tcase_add_test(cases, jansson_agrees_on_random_texts);
    tcase_add_test(cases, the_arena_holds_nodes_only);
    tcase_add_test(cases, a_parser_takes_its_capacity);
    tcase_add_test(cases, faults_have_texts);

    Suite *const suite = suite_create("json");
    suite_add_tcase(suite, cases);
    SRunner *const runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
