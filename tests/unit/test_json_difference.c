/* json_difference: two texts are compared as values, and each difference has its place and both values. */
#include "tests/unit/evaluating.h"

#include <stdio.h>

#include "tests/unit/recording.h"

#define TEXT_BYTES  ((size_t)8 << 20)
#define ARENA_BYTES ((size_t)1 << 30)

static struct json_parser *parser;
static struct arena arena;

static void open_parser(void)
{
    parser = json_parser_new(TEXT_BYTES);
    ck_assert_ptr_nonnull(parser);
    ck_assert_int_eq(arena_open(&arena, ARENA_BYTES), 0);
}

static void close_parser(void)
{
    arena_close(&arena);
    json_parser_free(parser);
}

static struct json_difference *find(struct span then, struct span now)
{
    struct json_difference *first;
    ck_assert(json_difference_find(then, now, parser, &arena, &first));
    return first;
}

static const char *found(const char *then, const char *now)
{
    return differences_text(find(span_of_text(then), span_of_text(now)));
}

struct row {
    const char *then, *now, *differences;
};

static const struct row rows[] = {
    /* nothing differs */
    {"{}", "{}", ""},
    {"{\"a\":1,\"b\":[true,null,\"x\"]}", " { \"b\" : [ true , null , \"x\" ] , \"a\" : 1 } ", ""},
    {"[{\"a\":{\"b\":1,\"c\":2}}]", "[{\"a\":{\"c\":2,\"b\":1}}]", ""},
    {"{\"a\":{\"b\":1},\"b\":2}", "{\"a\":{\"b\":1},\"b\":2}", ""},
    /* scalars and types */
    {"{\"a\":true}", "{\"a\":false}", "/a true false"},
    {"{\"a\":null}", "{\"a\":0}", "/a null 0"},
    {"{\"a\":\"1\"}", "{\"a\":1}", "/a \"1\" 1"},
    {"{\"a\":[]}", "{\"a\":{}}", "/a [] {}"},
    {"{\"a\":{\"x\":[1,2]}}", "{\"a\":7}", "/a {\"x\":[1,2]} 7"},
    {"1", "2", " 1 2"},
    {"[]", "{}", " [] {}"},
    {"{\"a\":\"\"}", "{\"a\":\"b\"}", "/a \"\" \"b\""},
    /* missing on either side; a null is not missing */
    {"{\"a\":1}", "{}", "/a 1 -"},
    {"{}", "{\"a\":{\"b\":1}}", "/a - {\"b\":1}"},
    {"{\"a\":null}", "{}", "/a null -"},
    {"{\"a\":1,\"b\":2,\"c\":3}", "{\"x\":0,\"b\":4,\"a\":1,\"y\":5}", "/b 2 4|/c 3 -|/x - 0|/y - 5"},
    {"{\"b\":1,\"c\":2}", "{\"a\":0,\"b\":1,\"c\":3}", "/c 2 3|/a - 0"},
    /* nesting */
    {"{\"a\":{\"b\":{\"c\":[0,{\"d\":1}]}}}", "{\"a\":{\"b\":{\"c\":[0,{\"d\":2}]}}}", "/a/b/c/1/d 1 2"},
    {"{\"a\":[[1],[2,3]]}", "{\"a\":[[1],[2,4]],\"b\":0}", "/a/1/1 3 4|/b - 0"},
    /* arrays: by place */
    {"[1,2,3]", "[1,3]", "/1 2 3|/2 3 -"},
    {"[]", "[[],{}]", "/0 - []|/1 - {}"},
    {"[{\"a\":1},2]", "[2]", "/0 {\"a\":1} 2|/1 2 -"},
    {"[0,1,2,3,4,5,6,7,8,9,10]", "[0,1,2,3,4,5,6,7,8,9,11]", "/10 10 11"},
    /* names in paths (RFC 6901), decoded */
    {"{\"a/b\":1,\"c~d\":1,\"~1\":1,\"\":1,\"0\":1}", "{\"a/b\":2,\"c~d\":2,\"~1\":2,\"\":2,\"0\":2}",
     "/a~1b 1 2|/c~0d 1 2|/~01 1 2|/ 1 2|/0 1 2"},
    {"{\"\\u0041\":1,\"\\\"\\\\\":1}", "{\"A\":2,\"\\u0022\\u005c\":2}", "/A 1 2|/\"\\ 1 2"},
    {"{\"A\":1}", "{\"\\u0041\":1}", ""},
    {"{\"a\":1}", "{\"A\":1}", "/a 1 -|/A - 1"},
    /* strings: by what they stand for, shown as they stand */
    {"[\"\\u00e9\\n\\/\"]", "[\"\xc3\xa9\\u000a/\"]", ""},
    {"[\"a\\\"]\\\\\"]", "[\"\\u0061\"]", "/0 \"a\\\"]\\\\\" \"\\u0061\""},
    {"[\"\\\\\",1]", "[\"\\\\\\\\\",1]", "/0 \"\\\\\" \"\\\\\\\\\""},
    {"[\"\\ud83d\\ude00\"]", "[\"\xf0\x9f\x98\x80\"]", ""},
    {"[\"e\xcc\x81\"]", "[\"\xc3\xa9\"]", "/0 \"e\xcc\x81\" \"\xc3\xa9\""},
    {"[\"a\\u0000b\"]", "[\"a\\u0000c\"]", "/0 \"a\\u0000b\" \"a\\u0000c\""},
};

START_TEST(each_difference_is_found)
{
    const struct row *row = &rows[_i];
    ck_assert_str_eq(found(row->then, row->now), row->differences);
}
END_TEST

/* The same differences, seen from the other side. */
START_TEST(the_sides_are_alike)
{
    const struct row *row = &rows[_i];
    unsigned there = 0, back = 0;
    for (const struct json_difference *each = find(span_of_text(row->then), span_of_text(row->now)); each;
         each = each->next)
        there++;
    for (const struct json_difference *each = find(span_of_text(row->now), span_of_text(row->then)); each;
         each = each->next)
        back++;
    ck_assert_uint_eq(there, back);
}
END_TEST

static const char *const equal_numbers[][2] = {
    {"1", "1.0"},
    {"1", "1e0"},
    {"1", "1E+00"},
    {"1", "10e-1"},
    {"1", "0.1e1"},
    {"0", "-0"},
    {"0", "0.000"},
    {"0", "-0e99999999999999999999"},
    {"100", "1e2"},
    {"100.0", "1.0e+2"},
    {"0.001", "1e-3"},
    {"0.00120", "12e-4"},
    {"-12.5", "-1.25e1"},
    {"123456789012345678901234567890", "1.2345678901234567890123456789e29"},
    {"1e400", "10e399"},
    {"1e-400", "0.1e-399"},
    {"1e99999999999999999999", "1e99999999999999999999"},
};

START_TEST(numbers_of_one_value_are_equal)
{
    char then[128], now[128];
    snprintf(then, sizeof(then), "[%s]", equal_numbers[_i][0]);
    snprintf(now, sizeof(now), "[%s]", equal_numbers[_i][1]);
    ck_assert_str_eq(found(then, now), "");
    ck_assert_str_eq(found(now, then), "");
}
END_TEST

static const char *const unequal_numbers[][2] = {
    {"1", "-1"},
    {"1", "10"},
    {"10", "1"},
    {"1", "1.5"},
    {"1.5", "1.50001"},
    {"0", "1"},
    {"0", "0.0000000000000000000000000001"},
    {"1e2", "1e3"},
    {"1e2", "1e-2"},
    {"0.01", "0.1"},
    {"101", "11"},
    /* binary64 has one value for both */
    {"9007199254740992", "9007199254740993"},
    {"18446744073709551616", "18446744073709551617"},
    {"123456789012345678901234567890", "123456789012345678901234567891"},
    {"0.1", "0.1000000000000000055511151231257827"},
    {"1e400", "1e401"},
    {"1e400", "-1e400"},
    {"1e-400", "1e-401"},
    {"1e99999999999999999998", "1e99999999999999999999"},
};

START_TEST(numbers_of_two_values_differ)
{
    char then[128], now[128], expected[256];
    const char *const *pair = unequal_numbers[_i];
    snprintf(then, sizeof(then), "[%s]", pair[0]);
    snprintf(now, sizeof(now), "[%s]", pair[1]);
    snprintf(expected, sizeof(expected), "/0 %s %s", pair[0], pair[1]);
    ck_assert_str_eq(found(then, now), expected);
    snprintf(expected, sizeof(expected), "/0 %s %s", pair[1], pair[0]);
    ck_assert_str_eq(found(now, then), expected);
}
END_TEST

/* A number of 10,000 digits. */
START_TEST(a_long_number_is_compared_by_its_value)
{
    static char then[10100], now[10100];
    memset(then, '7', sizeof(then));
    then[0] = '[';
    memcpy(now, then, sizeof(now));
    strcpy(then + 10000, ".0]");
    strcpy(now + 10000, "]");
    ck_assert_str_eq(found(then, now), "");
    then[9999] = '6';
    ck_assert_ptr_nonnull(find(span_of_text(then), span_of_text(now)));
}
END_TEST

static char *nested(unsigned depth, const char *innermost)
{
    char *text = malloc(depth * 6 + strlen(innermost) + 1), *to = text;
    ck_assert_ptr_nonnull(text);
    for (unsigned i = 0; i < depth; i++)
        to = stpcpy(to, i % 2 ? "[" : "{\"a\":");
    to = stpcpy(to, innermost);
    for (unsigned i = depth; i-- > 0;)
        to = stpcpy(to, i % 2 ? "]" : "}");
    return text;
}

START_TEST(the_deepest_text_is_compared)
{
    char *then = nested(32, "1"), *now = nested(32, "2"), path[3 * 32 + 8] = "", expected[sizeof(path) + 8];
    for (unsigned i = 0; i < 16; i++)
        strcat(path, "/a/0");
    snprintf(expected, sizeof(expected), "%s 1 2", path);
    ck_assert_str_eq(found(then, now), expected);
    free(then);
    free(now);
}
END_TEST

START_TEST(a_deeper_text_is_refused)
{
    struct json_difference *first;
    char *deep = nested(33, "1"), *deepest = nested(100000, "1");
    ck_assert(!json_difference_find(span_of_text(deep), SPAN("{}"), parser, &arena, &first));
    ck_assert(!json_difference_find(SPAN("{}"), span_of_text(deep), parser, &arena, &first));
    ck_assert(!json_difference_find(span_of_text(deepest), span_of_text(deepest), parser, &arena, &first));
    free(deep);
    free(deepest);
}
END_TEST

static const char *const no_json[] = {"",     " ",        "{",     "{\"a\":1,\"a\":1}", "[1,]",  "nul",     "01",
                                      "[\"]", "\xff\xfe", "[1] 2", "[\"\\ud800\"]",     "{a:1}", "[\"\t\"]"};

START_TEST(what_is_not_json_is_refused)
{
    struct json_difference *first = (struct json_difference *)&arena;
    ck_assert(!json_difference_find(span_of_text(no_json[_i]), SPAN("{}"), parser, &arena, &first));
    ck_assert_ptr_null(first);
    ck_assert(!json_difference_find(SPAN("{}"), span_of_text(no_json[_i]), parser, &arena, &first));
    ck_assert(!json_difference_find(SPAN_NONE, SPAN("{}"), parser, &arena, &first));
}
END_TEST

/* An object of `count` members in the order of `step`, each of which has the value `value`. */
static struct span object_of(unsigned count, unsigned step, int value)
{
    char *text = malloc((size_t)count * 24 + 3), *to = text;
    ck_assert_ptr_nonnull(text);
    *to++ = '{';
    for (unsigned i = 0, member = 0; i < count; i++, member = (member + step) % count)
        to += sprintf(to, "%s\"%u\":%d", i > 0 ? "," : "", member, value);
    *to++ = '}';
    return span_of(text, (size_t)(to - text));
}

/* Of 200,000 members. Searched one after the other, they would take minutes. */
START_TEST(many_members_in_another_order_are_found)
{
    struct span then = object_of(200000, 1, 1), now = object_of(200000, 77773, 1), other = object_of(200001, 77773, 1);
    ck_assert_ptr_null(find(then, now));
    const struct json_difference *difference = find(then, other);
    ck_assert_ptr_nonnull(difference);
    ck_assert_ptr_null(difference->next);
    expect_span(difference->path, "/200000");
    free((char *)(uintptr_t)then.at);
    free((char *)(uintptr_t)now.at);
    free((char *)(uintptr_t)other.at);
}
END_TEST

/* All differ, and their paths would take more than 4 MiB. */
START_TEST(a_bounded_number_of_differences_is_listed)
{
    struct span then = object_of(300000, 1, 1), now = object_of(300000, 77773, 2);
    size_t bytes = 0, count = 0;
    for (const struct json_difference *each = find(then, now); each; each = each->next, count++)
        bytes += sizeof(*each) + each->path.length;
    ck_assert_uint_ge(bytes, (size_t)4 << 20);
    ck_assert_uint_lt(bytes, ((size_t)4 << 20) + 1024);
    ck_assert_uint_lt(count, 300000);
    free((char *)(uintptr_t)then.at);
    free((char *)(uintptr_t)now.at);
}
END_TEST

/* Paths take memory for what they hold, also far inside a text. */
START_TEST(deep_differences_take_little_memory)
{
    char *inner = malloc(400000), *to = inner;
    ck_assert_ptr_nonnull(inner);
    to = stpcpy(to, "[1");
    while (to < inner + 390000)
        to = stpcpy(to, ",1");
    strcpy(to, "]");
    char *then = nested(30, inner);
    for (char *at = inner; *at; at++)
        *at = *at == '1' ? '2' : *at;
    char *now = nested(30, inner);
    ck_assert_ptr_nonnull(find(span_of_text(then), span_of_text(now)));
    ck_assert_uint_lt(arena.used, (size_t)24 << 20);
    free(then);
    free(now);
    free(inner);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("json_difference");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_parser, close_parser);
    tcase_add_loop_test(tests, each_difference_is_found, 0, COUNT(rows));
    tcase_add_loop_test(tests, the_sides_are_alike, 0, COUNT(rows));
    tcase_add_loop_test(tests, numbers_of_one_value_are_equal, 0, COUNT(equal_numbers));
    tcase_add_loop_test(tests, numbers_of_two_values_differ, 0, COUNT(unequal_numbers));
    tcase_add_test(tests, a_long_number_is_compared_by_its_value);
    tcase_add_test(tests, the_deepest_text_is_compared);
    tcase_add_test(tests, a_deeper_text_is_refused);
    tcase_add_loop_test(tests, what_is_not_json_is_refused, 0, COUNT(no_json));
    tcase_add_test(tests, many_members_in_another_order_are_found);
    tcase_add_test(tests, a_bounded_number_of_differences_is_listed);
    tcase_add_test(tests, deep_differences_take_little_memory);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
