/* A multiSelect of any number of options finds each by its key, and keeps the first of each. */
#include "tests/unit/field_fixture.h"

#define MOST 70 /* of the options: more than any quick way takes */
#define KEY  16

static struct arena arena;
static struct json_parser *parser;

static void open_fixture(void)
{
    ck_assert_int_eq(arena_open(&arena, TRIAL_BYTES * 64), 0);
    parser = json_parser_new(TRIAL_BYTES);
    ck_assert_ptr_nonnull(parser);
}

static void close_fixture(void)
{
    json_parser_free(parser);
    arena_close(&arena);
}

/* Keys of many lengths, all with the same beginning. */
static int key_write(char key[KEY], unsigned option)
{
    return snprintf(key, KEY, "k%.*s%u", (int)(option % 9), "aaaaaaaaa", option);
}

static struct definitions *compile(unsigned options)
{
    char json[MOST * 64], key[KEY];
    size_t length = (size_t)sprintf(json, "[{\"key\": \"f\", \"name\": \"F\", \"type\": \"multiSelect\", \"order\": 0,"
                                          " \"options\": [");
    for (unsigned option = 0; option < options; option++) {
        key_write(key, option);
        length += (size_t)sprintf(json + length, "%s{\"key\": \"%s\", \"label\": \"L\"}", option > 0 ? "," : "", key);
    }
    sprintf(json + length, "]}]");
    struct definitions *definitions = definitions_compile(span_of_text(json), NULL);
    ck_assert_ptr_nonnull(definitions);
    return definitions;
}

START_TEST(each_key_is_found_and_no_other)
{
    char key[KEY];
    for (unsigned options = 1; options <= MOST; options++) {
        struct definitions *definitions = compile(options);
        const struct field *field = &definitions->fields[0];
        for (unsigned option = 0; option < MOST; option++) {
            const struct span span = span_of(key, (size_t)key_write(key, option));
            ck_assert_int_eq(field_option(field, span), option < options ? (int)option : -1);
            ck_assert_int_eq(field_option(field, span_from(span, 1)), -1);
        }
        ck_assert_int_eq(field_option(field, SPAN("")), -1);
        definitions_free(definitions);
    }
}
END_TEST

/* Evaluates an array of these options. */
static void expect_kept(const struct field *field, const unsigned *chosen, size_t count, struct span expected)
{
    char text[8192], key[KEY];
    size_t length = 0;
    struct json_fault fault;
    struct item item = {0};
    text[length++] = '[';
    for (size_t i = 0; i < count; i++) {
        key_write(key, chosen[i]);
        length += (size_t)sprintf(text + length, "%s\"%s\"", i > 0 ? "," : "", key);
    }
    text[length++] = ']';
    ck_assert(json_parse(parser, text, length, 16, &arena, &item.document, &fault));
    struct check check = {.item = &item, .arena = &arena};
    struct span normal = SPAN_NONE;
    ck_assert(field->type->evaluate(&check, field, &item.document, 0, &normal));
    ck_assert_msg(span_equal(normal, expected), "%.*s, not %.*s", SPAN_FORMAT(normal), SPAN_FORMAT(expected));
}

START_TEST(the_first_of_each_option_stays)
{
    srandom(1);
    for (unsigned options = 1; options <= MOST; options++) {
        struct definitions *definitions = compile(options);
        for (int round = 0; round < 20; round++) {
            unsigned chosen[200];
            bool seen[MOST] = {false};
            char expected[8192], key[KEY];
            size_t length = 0, count = 1 + (size_t)random() % 200;
            for (size_t i = 0; i < count; i++) {
                chosen[i] = (unsigned)random() % options;
                if (seen[chosen[i]])
                    continue;
                seen[chosen[i]] = true;
                key_write(key, chosen[i]);
                length += (size_t)sprintf(expected + length, "%c\"%s\"", length > 0 ? ',' : '[', key);
            }
            expected[length++] = ']';
            arena_reset(&arena, 0);
            expect_kept(&definitions->fields[0], chosen, count, span_of(expected, length));
        }
        definitions_free(definitions);
    }
}
END_TEST

int main(void)
{
    TCase *rules = tcase_create("options");
    tcase_add_checked_fixture(rules, open_fixture, close_fixture);
    tcase_set_timeout(rules, 60);
    tcase_add_test(rules, each_key_is_found_and_no_other);
    tcase_add_test(rules, the_first_of_each_option_stays);
    return field_fixture_run(rules, "options");
}
