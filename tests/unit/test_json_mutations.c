/* The JSON parser: the contract's example, cut and mutated; no input can crash it, and jansson agrees. */
#include <jansson.h>

#include "tests/unit/json_fixture.h"

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

int main(void)
{
    const TTest *const tests[] = {the_example_is_taken, every_cut_is_a_fault_at_the_end, jansson_agrees_on_mutations,
                                  jansson_agrees_on_random_texts};
    return json_suite_run("json_mutations", tests, COUNT(tests));
}
