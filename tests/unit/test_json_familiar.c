/* The JSON parser remembers the names of the texts before: what it reads does not depend on them. */
#include <stdio.h>

#include "tests/unit/json_fixture.h"

/* The same members with other white space, in another order, with further ones, without some; names that are long,
 * short, escaped, or equal but for their ends; "pronouns" and "postalCode", which have one hash. */
static const struct span texts[] = {
    SPAN("{\"commandId\": \"1\", \"email\": \"a@b.cd\", \"customFields\": {\"pronouns\": \"x\", \"postalCode\": 1}}"),
    SPAN("{\"commandId\":\"1\",\"email\":\"a@b.cd\",\"customFields\":{\"pronouns\":\"x\",\"postalCode\":1}}"),
    SPAN("{\"commandId\" :\n\"1\", \"email\" :\t\"a@b.cd\", \"customFields\" : {\"pronouns\" :  \"x\"}}"),
    SPAN(
        "{\"commandId\":  \"1\", \"email\":   \"a@b.cd\", \"customFields\": {\"postalCode\": 1, \"pronouns\": \"x\"}}"),
    SPAN("{\"email\": \"a@b.cd\", \"emails\": [], \"e\": [{\"commandId\": 1}, {\"commandId\": 2}], \"commandId\": 0}"),
    SPAN("{\"\": 1, \"a\": {\"a\": {\"a\": 1}}, \"b\": 2, \"aa\": 3, \"aaa\": 4, \"aaaa\": 5, \"aaaaa\": 6}"),
    SPAN("{\"a\\n\": 1, \"a\\\"\\\"\": 2, \"\\u0061\": 3, \"\xc3\xa9\": 4, \"a\\n\\\"\\\"\": 5, \"an\": 6}"),
    SPAN("{\"a name that is longer than a block\": 1, \"a name of thirteen\": 2, \"thirteenbytes\": 3, \"b\": 4}"),
    SPAN("{\"a\": 1, \"b\": 2, \"a\": 3}"),
    SPAN("{\"a\": 1, \"\\u0061\": 2}"),
    SPAN("{\"a\\n\": 1, \"b\": 2}"),
    SPAN("{\"commandId\": {\"email\": 1}, \"email\": 2, \"commandId\": 3}"),
    SPAN("[{\"a\":1},{\"a\":1,\"b\":1},{\"b\":1,\"a\":1}]"),
    SPAN("{\"commandId\"}"),
    SPAN("{\"commandId\": "),
    SPAN("{\"commandId\": \"1\", email: 1}"),
};

/* What a parse gave, in a form that can be compared. */
struct result {
    bool ok;
    struct json_fault fault;
    uint32_t count;
    struct json_node nodes[64];
};

static struct result read_by(struct json_parser *by, struct span text)
{
    struct json_parser *const usual = parser;
    struct result result = {.ok = false};
    parser = by;
    result.ok = parse(text);
    parser = usual;
    if (!result.ok) {
        result.fault = fault;
        return result;
    }
    result.count = document.count;
    ck_assert_uint_le(document.count, COUNT(result.nodes));
    for (uint32_t i = 0; i < document.count; i++) {
        result.nodes[i] = document.nodes[i];
        if (document.nodes[i].type != NODE_STRING || document.nodes[i].flags & JSON_PLAIN)
            result.nodes[i].escapes = 0; /* nobody sets it */
    }
    return result;
}

static void compare(struct span text)
{
    struct json_parser *const fresh = json_parser_new(CAPACITY);
    ck_assert_ptr_nonnull(fresh);
    const struct result with = read_by(parser, text), without = read_by(fresh, text);
    ck_assert_msg(with.ok == without.ok, "%.*s", SPAN_FORMAT(text));
    ck_assert_msg(with.ok || (with.fault.code == without.fault.code && with.fault.at == without.fault.at), "%.*s",
                  SPAN_FORMAT(text));
    ck_assert_uint_eq(with.count, without.count);
    ck_assert_msg(memcmp(with.nodes, without.nodes, with.count * sizeof(with.nodes[0])) == 0, "%.*s",
                  SPAN_FORMAT(text));
    json_parser_free(fresh);
}

START_TEST(names_of_other_texts_change_nothing)
{
    for (size_t before = 0; before < COUNT(texts); before++) {
        for (size_t i = 0; i < COUNT(texts); i++) {
            read_by(parser, texts[before]);
            read_by(parser, texts[before]);
            compare(texts[i]);
        }
    }
}
END_TEST

/* A byte less, and each byte in its place: the parser knows the text from before. */
START_TEST(a_text_that_differs_in_one_byte_is_read_again)
{
    char mutated[256];
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct span text = texts[i];
        ck_assert_uint_le(text.length, sizeof(mutated));
        for (size_t at = 0; at < text.length; at++) {
            memcpy(mutated, text.at, text.length);
            for (size_t byte = 0; byte < 6; byte++) {
                mutated[at] = "\"\\ :{\n"[byte];
                read_by(parser, text);
                compare(span_of(mutated, text.length));
            }
            memcpy(mutated + at, text.at + at + 1, text.length - at - 1);
            read_by(parser, text);
            compare(span_of(mutated, text.length - 1));
        }
    }
}
END_TEST

/* More names than are remembered, so that they take each other's places. */
START_TEST(many_names_are_read_as_few)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2000; i++) {
            char text[64];
            const int length =
                snprintf(text, sizeof(text), "{\"n%u\": 1, \"%u\": 2, \"n%u\": 3}", i, i, i % 3 == 0 ? i : i + 1);
            compare(span_of(text, (size_t)length));
        }
    }
}
END_TEST

static uint8_t length_of(struct span name)
{
    return (uint8_t)(100 + name.length);
}

/* Returns how many of the members in the document have a kind. */
static uint32_t expect_kinds(void)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < document.count; i++) {
        const uint8_t kind = document.nodes[i].name_kind;
        const bool is_member = document.nodes[i].name_at > 0;
        ck_assert_msg(kind == 0 || (is_member && kind == length_of(json_name(&document, i))), "%u is %d", i, kind);
        known += kind != 0;
    }
    return known;
}

/* A kind is right, or 0: that of a name that is long, or has escapes. */
START_TEST(names_have_the_kinds_that_the_parser_knows)
{
    for (size_t before = 0; before < COUNT(texts); before++) {
        if (!parse(texts[before]))
            continue;
        ck_assert_uint_eq(expect_kinds(), 0); /* none is known */
    }
    json_parser_know(parser, length_of);
    for (size_t before = 0; before < COUNT(texts); before++)
        for (size_t i = 0; i < COUNT(texts); i++)
            if (parse(texts[before]) && parse(texts[i]))
                expect_kinds();
    ck_assert(parse(texts[0]));
    ck_assert_uint_eq(expect_kinds(), 5);
    ck_assert(parse(texts[6]));
    ck_assert_uint_eq(expect_kinds(), 1); /* an */
    ck_assert(parse(texts[7]));
    ck_assert_uint_eq(expect_kinds(), 1); /* b */
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {names_of_other_texts_change_nothing, a_text_that_differs_in_one_byte_is_read_again,
                                  many_names_are_read_as_few, names_have_the_kinds_that_the_parser_knows};
    return json_suite_run("json_familiar", tests, COUNT(tests));
}
