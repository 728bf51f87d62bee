/* The public API's two responses become the stored form; nothing else of the fields changes. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "worker/definitions/definitions_import.h"
#include "worker/validate/definitions.h"

#define OPTIONS "{\"data\": [{\"id\":\"o1\",\"key\":\"x\",\"label\":\"X\\u00e9\",\"color\":\"rgba(204, 0, 0, 1)\"}]}"
#define LIST    "[{\"id\":\"o1\",\"key\":\"x\",\"label\":\"X\\u00e9\",\"color\":\"rgba(204, 0, 0, 1)\"}]"

static const struct merge {
    const char *fields, *key, *options;
    const char *merged; /* NULL: refused */
    const char *error;
} merges[] = {
    {"[{\"key\":\"s\",\"type\":\"multiSelect\"}]", "s", OPTIONS,
     "[{\"key\":\"s\",\"type\":\"multiSelect\", \"options\": " LIST "}]", NULL},
    /* The bare array is accepted, and an empty one. */
    {"[{\"key\":\"s\"}]", "s", LIST, "[{\"key\":\"s\", \"options\": " LIST "}]", NULL},
    {"[{\"key\":\"s\"}]", "s", "[]", "[{\"key\":\"s\", \"options\": []}]", NULL},
    {"[{\"key\":\"s\"}]", "s", "{\"data\":[]}", "[{\"key\":\"s\", \"options\": []}]", NULL},
    /* White space, numbers and escapes stay unchanged. */
    {" {\"next\" : null,\n \"data\" : [ {\"order\":1.50,\"key\":\"\\u0073\" } ,{\"key\":\"t\",\"n\":\"\\u00e4\"}]}\n",
     "s", "[1]",
     " {\"next\" : null,\n \"data\" : [ {\"order\":1.50,\"key\":\"\\u0073\" , \"options\": [1]} "
     ",{\"key\":\"t\",\"n\":\"\\u00e4\"}]}\n",
     NULL},
    {"[{\"key\":\"\xc3\xa9\"},{\"key\":\"a\xc3\xa9=b\"}]", "a\xc3\xa9=b", "[]",
     "[{\"key\":\"\xc3\xa9\"},{\"key\":\"a\xc3\xa9=b\", \"options\": []}]", NULL},
    /* Numbers that fit into no machine word stay unchanged, too. */
    {"[{\"key\":\"s\",\"n\":123456789012345678901234567890,\"m\":1e999}]", "s", "[]",
     "[{\"key\":\"s\",\"n\":123456789012345678901234567890,\"m\":1e999, \"options\": []}]", NULL},
    /* Old options are replaced; the API may send null for none. */
    {"[{\"key\":\"s\",\"options\":[{\"key\":\"old\"}],\"type\":\"multiSelect\"}]", "s", "[2]",
     "[{\"key\":\"s\",\"options\":[2],\"type\":\"multiSelect\"}]", NULL},
    {"[{\"key\":\"s\",\"options\": null }]", "s", "[2]", "[{\"key\":\"s\",\"options\": [2] }]", NULL},
    {"[{\"key\":\"s\",\"options\":{}}]", "s", "[2]", NULL, "the field's options are not an array"},
    /* The field is an entry of the list, not another object with that key. */
    {"[{\"key\":\"t\",\"options\":[{\"key\":\"s\"}]}]", "s", "[]", NULL, "no field has the key s"},
    {"[1,null,{\"key\":7},{\"key\":\"s\"}]", "s", "[]", "[1,null,{\"key\":7},{\"key\":\"s\", \"options\": []}]", NULL},
    {"[]", "s", "[]", NULL, "no field has the key s"},
    {"{\"data\":{}}", "s", "[]", NULL, "the fields: expected {\"data\": [...]} or an array"},
    {"{}", "s", "[]", NULL, "the fields: expected {\"data\": [...]} or an array"},
    {"7", "s", "[]", NULL, "the fields: expected {\"data\": [...]} or an array"},
    {"[{\"key\":\"s\"}]", "s", "{\"data\":null}", NULL, "the options: expected {\"data\": [...]} or an array"},
    {"[{\"key\":\"s\"}", "s", "[]", NULL, "the fields: "},
    {"[{\"key\":\"s\"}]", "s", "[", NULL, "the options: "},
    {"", "s", "[]", NULL, "the fields: "},
};

START_TEST(options_are_put_into_their_field)
{
    const struct merge *merge = &merges[_i];
    char error[256] = "";
    size_t length = 0;
    char *merged = definitions_import_options(span_of_text(merge->fields), span_of_text(merge->key),
                                              span_of_text(merge->options), &length, error, sizeof(error));
    if (merge->merged) {
        ck_assert_msg(merged != NULL, "%s", error);
        ck_assert_msg(span_equal(span_of(merged, length), span_of_text(merge->merged)), "%.*s", (int)length, merged);
    } else {
        ck_assert_ptr_null(merged);
        ck_assert_msg(strncmp(error, merge->error, strlen(merge->error)) == 0, "%s", error);
    }
    free(merged);
}
END_TEST

START_TEST(what_comes_out_compiles)
{
    char error[256];
    size_t length;
    char *merged = definitions_import_options(SPAN("{\"data\":[{\"key\":\"s\",\"type\":\"multiSelect\"}]}"), SPAN("s"),
                                              SPAN(OPTIONS), &length, error, sizeof(error));
    ck_assert_ptr_nonnull(merged);
    struct definitions *definitions = definitions_compile(span_of(merged, length), NULL);
    ck_assert_ptr_nonnull(definitions);
    ck_assert_int_eq(field_option(definitions_field(definitions, SPAN("s")), SPAN("x")), 0);
    definitions_free(definitions);
    free(merged);
}
END_TEST

/* ---- beside jansson, which merges trees ---- */

#define ROUNDS 3000

static json_t *parsed(const char *text, size_t length)
{
    json_error_t error;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    ck_assert_msg(value != NULL, "%s: %.*s", error.text, (int)length, text);
    return value;
}

static unsigned drawn(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 16) % below;
}

/* Adds a member, with some white space around it. */
static void add_member(FILE *out, unsigned *seed, bool *first, const char *member)
{
    static const char *const spaces[] = {"", " ", "\n", "\r\n\t"};
    fprintf(out, "%s%s%s", *first ? "" : ",", spaces[drawn(seed, 4)], member);
    *first = false;
}

/* A response with up to five fields, k0 to k4, members in any order; some have options. */
static char *fields_draw(unsigned *seed, unsigned *count, size_t *length)
{
    static const char *const others[] = {"\"min\":1.50e+3", "\"name\":\"\\u00e9\\n\\/ ]}\"",
                                         "\"x\":[{\"options\":[1]},[]]", "\"y\":{\"key\":\"k0\",\"options\":null}"};
    static const char *const options[] = {"\"options\":[]", "\"options\" : [ {\"key\":\"]\"} , 2 ]",
                                          "\"options\":null"};
    char *text;
    FILE *out = open_memstream(&text, length);
    bool wrapped = drawn(seed, 2), first;
    *count = 1 + drawn(seed, 5);
    fputs(wrapped ? "{\"next\":null,\"data\":[" : "[", out);
    for (unsigned field = 0; field < *count; field++) {
        char key[24];
        snprintf(key, sizeof(key), "\"key\":\"k%u\"", field);
        fputs(field > 0 ? ", {" : "{", out);
        first = true;
        bool late = drawn(seed, 2);
        if (!late)
            add_member(out, seed, &first, key);
        for (unsigned other = 0; other < 4; other++)
            if (drawn(seed, 2))
                add_member(out, seed, &first, others[other]);
        if (drawn(seed, 2))
            add_member(out, seed, &first, options[drawn(seed, 3)]);
        if (late)
            add_member(out, seed, &first, key);
        fputs("}", out);
    }
    fputs(wrapped ? "],\"z\":1}" : "]", out);
    fclose(out);
    return text;
}

START_TEST(merging_bytes_is_merging_trees)
{
    for (unsigned round = 0, seed = 7; round < ROUNDS; round++) {
        char why[256] = "", key[16];
        unsigned count;
        size_t length, merged_length;
        char *fields = fields_draw(&seed, &count, &length);
        unsigned chosen = drawn(&seed, count);
        snprintf(key, sizeof(key), "k%u", chosen);
        char *merged = definitions_import_options(span_of(fields, length), span_of_text(key), SPAN(OPTIONS),
                                                  &merged_length, why, sizeof(why));
        ck_assert_msg(merged != NULL, "%s: %s", why, fields);
        json_t *expected = parsed(fields, length), *found = parsed(merged, merged_length);
        json_t *list = json_is_object(expected) ? json_object_get(expected, "data") : expected;
        json_object_set_new(json_array_get(list, chosen), "options", parsed(LIST, strlen(LIST)));
        ck_assert_msg(json_equal(expected, found), "%s\n%s", fields, merged);
        json_decref(expected);
        json_decref(found);
        free(merged);
        free(fields);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("definitions_import");
    TCase *merging = tcase_create("merging");
    tcase_add_loop_test(merging, options_are_put_into_their_field, 0, (int)(sizeof(merges) / sizeof(merges[0])));
    tcase_add_test(merging, what_comes_out_compiles);
    tcase_add_test(merging, merging_bytes_is_merging_trees);
    suite_add_tcase(suite, merging);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
