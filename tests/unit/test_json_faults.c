/* The JSON parser: refused texts and the position of the fault. */
#include <stdio.h>

#include "tests/unit/json_fixture.h"

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
    const TTest *const tests[] = {faults_have_a_place, broken_utf8_is_called_so, depth_counts_open_containers,
                                  a_thousand_deep, faults_have_texts};
    return json_suite_run("json_faults", tests, COUNT(tests));
}
