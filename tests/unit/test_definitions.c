/* definitions: which sets compile, the order of fields and the look-up; every error with its position. */
#include "tests/unit/evaluating.h"

#include <xxhash.h>

#include "tests/unit/colliding_names.h"
#include "tests/unit/visible.h"
#include "worker/model/identity.h"
#include "worker/validate/field.h"

/* One entry of the list, with the members that every field needs. */
#define FIELD(type, members) "[{\"key\":\"k\",\"type\":\"" type "\"" members "}]"
#define RULES(type, rules)   FIELD(type, ",\"rules\":" rules)
#define CHOICE(members)      FIELD("multiSelect", members)

/* Errors as lines "PATH: MESSAGE" ("PATH: ..." where only the beginning of the message matters). */
static const struct fault_row {
    const char *json;
    const char *faults;
} faulty[] = {
    {"", ": line 1, column 1: ..."},
    {"nonsense", ": line 1, column 2: ..."},
    {"[\n  {\"key\": \"a\",}\n]", ": line 2, column 15: ..."},
    {"{\"data\":[],\"data\":[]}", ": line 1, column 12: ..."},
    {"[\"\xff\"]", ": ..."},
    {"\xef\xbb\xbf[]", ": line 1, column 1: the value begins at byte 0 with a UTF-8 byte-order mark, must be ..."},
    {"[{\"key\":\"a\",\"type\":\"te\xe2\x80\x8bxt\"}]",
     "/0/type: \"te<U+200B>xt\" is not a type of custom field, must be one of text, ..."},
    {"{}", "/data: must be the array of custom fields"},
    {"{\"data\":{}}", "/data: must be the array of custom fields"},
    {"7", "/data: must be the array of custom fields"},
    {"[1,null,\"x\"]", "/0: must be an object\n/1: must be an object\n/2: must be an object"},
    {"[{}]", "/0/key: is missing, must be a string\n/0/type: is missing, must be one of text, number, email, url, "
             "phoneNumber, address, multiSelect"},
    {"{\"data\":[{\"key\":\"a\",\"type\":\"text\"},{\"type\":\"text\"}]}", "/data/1/key: is missing, must be a string"},
    {"[{\"key\":null,\"type\":null}]", "/0/key: is missing, must be a string\n/0/type: is missing, must be one of "
                                       "text, number, email, url, phoneNumber, address, multiSelect"},
    {"[{\"key\":7,\"type\":7}]", "/0/key: must be a string\n/0/type: must be a string"},
    {"[{\"key\":\"\",\"type\":\"text\"}]", "/0/key: must not be blank"},
    {"[{\"key\":\" \\t\",\"type\":\"text\"}]", "/0/key: must not be blank"},
    {"[{\"key\":\"a\\u0007\",\"type\":\"text\"}]", "/0/key: must not hold a control character, but holds U+0007"},
    {"[{\"key\":\"a\\u0000\",\"type\":\"text\"}]", "/0/key: must not hold a control character, but holds U+0000"},
    {"[{\"key\":\"a\",\"type\":\"colour\"}]", "/0/type: \"colour\" is not a type of custom field, must be one of ..."},
    {"[{\"key\":\"a\",\"type\":\"Text\"}]",
     "/0/type: \"Text\" is not a type of custom field, must be one of text, ..."},
    {"[{\"key\":\"a\",\"type\":\"text\"},{\"key\":\"b\",\"type\":\"text\"},{\"key\":\"\\u0061\",\"type\":\"url\"}]",
     "/2/key: \"a\" is already the key of another field, must be one of its own"},
    {FIELD("text", ",\"order\":\"1\""), "/0/order: must be a number"},
    {FIELD("text", ",\"order\":1e400"), "/0/order: must be a number"},
    {FIELD("text", ",\"options\":[{\"key\":\"a\"}]"), "/0/options: must be left out, only a multiSelect has options"},
    {FIELD("text", ",\"options\":7"), "/0/options: must be an array"},
    {CHOICE(""), "/0/options: is missing, must be an array of options"},
    {CHOICE(",\"options\":{}"), "/0/options: must be an array"},
    {CHOICE(",\"options\":[\"a\"]"), "/0/options/0: must be an object"},
    {CHOICE(",\"options\":[{\"key\":\"a\"},{\"label\":\"A\"}]"), "/0/options/1/key: is missing, must be a string"},
    {CHOICE(",\"options\":[{\"key\":\"a\"},{\"key\":\"b\"},{\"key\":\"a\"}]"),
     "/0/options/2/key: \"a\" is already the key of another option, must be one of its own"},
    {RULES("text", "[]"), "/0/rules: must be an object"},
    {RULES("text", "{\"minlength\":1}"),
     "/0/rules/minlength: is not a rule, must be one of minLength, maxLength, required"},
    {RULES("text", "{\"required\":1}"), "/0/rules/required: must be true or false"},
    {RULES("text", "{\"minLength\":-1}"), "/0/rules/minLength: must be a whole number from 0 to 4294967295"},
    {RULES("text", "{\"minLength\":1.5}"), "/0/rules/minLength: must be a whole number from 0 to 4294967295"},
    {RULES("text", "{\"minLength\":\"1\"}"), "/0/rules/minLength: must be a whole number from 0 to 4294967295"},
    {RULES("text", "{\"maxLength\":4294967296}"), "/0/rules/maxLength: must be a whole number from 1 to 4294967295"},
    {RULES("text", "{\"maxLength\":0}"), "/0/rules/maxLength: must be a whole number from 1 to 4294967295"},
    {RULES("text", "{\"minimum\":1}"),
     "/0/rules/minimum: is not a rule for fields of this type, must be one of required, minLength, maxLength"},
    {RULES("text", "{\"countries\":[\"US\"]}"),
     "/0/rules/countries: is not a rule for fields of this type, must be one of required, minLength, maxLength"},
    {RULES("text", "{\"minLength\":3,\"maxLength\":2}"),
     "/0/rules: minLength is greater than maxLength, must be at most that"},
    {RULES("number", "{\"minLength\":3}"),
     "/0/rules/minLength: is not a rule for fields of this type, must be one of required, integer, minimum, maximum"},
    {RULES("number", "{\"minimum\":\"1\"}"), "/0/rules/minimum: must be a number"},
    {RULES("number", "{\"minimum\":1e400}"), "/0/rules/minimum: must be a number"},
    {RULES("number", "{\"minimum\":2,\"maximum\":1}"),
     "/0/rules: minimum is greater than maximum, must be at most that"},
    {RULES("number", "{\"minimum\":1.1,\"maximum\":1.9,\"integer\":true}"),
     "/0/rules: no integer lies between minimum and maximum, must be room for one"},
    {RULES("phoneNumber", "{\"countries\":[]}"), "/0/rules/countries: must be an array of at least one country code"},
    {RULES("phoneNumber", "{\"countries\":\"US\"}"),
     "/0/rules/countries: must be an array of at least one country code"},
    {RULES("phoneNumber", "{\"countries\":[\"US\",\"us\",1,\"USA\"]}"),
     "/0/rules/countries/1: must be a country code of two capital letters, like \"US\"\n"
     "/0/rules/countries/2: must be a country code of two capital letters, like \"US\"\n"
     "/0/rules/countries/3: must be a country code of two capital letters, like \"US\""},
    {RULES("address", "{\"countries\":[\"XK\"]}"),
     "/0/rules/countries/0: \"XK\" is not a country of ISO 3166-1, must be one such as \"US\""},
    {RULES("phoneNumber", "{\"countries\":[\"AC\",\"TA\",\"UK\"]}"),
     "/0/rules/countries/0: \"AC\" is not a country of ISO 3166-1, must be one such as \"US\"\n"
     "/0/rules/countries/1: \"TA\" is not a country of ISO 3166-1, must be one such as \"US\"\n"
     "/0/rules/countries/2: \"UK\" is not a country of ISO 3166-1, must be one such as \"GB\""},
    {RULES("address", "{\"countries\":[\"UK\"]}"),
     "/0/rules/countries/0: \"UK\" is not a country of ISO 3166-1, must be one such as \"GB\""},
    {RULES("phoneNumber", "{\"phone\":\"valid\"}"), "/0/rules/phone: must be \"possible\", \"plan\" or \"assigned\""},
    {RULES("address", "{\"phone\":\"plan\"}"),
     "/0/rules/phone: is not a rule for fields of this type, must be one of required, countries"},
    {CHOICE(",\"options\":[{\"key\":\"a\"}],\"rules\":{\"minSelected\":2}"),
     "/0/rules: minSelected is greater than the number of options, must be at most that"},
    {CHOICE(",\"options\":[{\"key\":\"a\"},{\"key\":\"b\"}],\"rules\":{\"minSelected\":2,\"maxSelected\":1}"),
     "/0/rules: minSelected is greater than maxSelected, must be at most that"},
    {CHOICE(",\"options\":[{\"key\":\"a\"}],\"rules\":{\"maxSelected\":0}"),
     "/0/rules/maxSelected: must be a whole number from 1 to 4294967295"},
    /* Every error, in document order. */
    {"[{\"key\":\"a\",\"type\":\"x\"},{\"key\":\"a\",\"type\":\"text\",\"rules\":{\"a\":1,\"b\":2}},{\"key\":\"\","
     "\"type\":\"text\"}]",
     "/0/type: \"x\" is not a type of custom field, must be one of text, ...\n/1/key: \"a\" is already the key of "
     "another field, must be one of its own\n"
     "/1/rules/a: is not a rule, must be one of ...\n/1/rules/b: is not a rule, must be one of ...\n/2/key: must not "
     "be blank"},
};

/* The expected line matches up to its "...". */
static bool line_matches(const char *expected, size_t length, const char *found)
{
    if (length >= 3 && memcmp(expected + length - 3, "...", 3) == 0)
        return strncmp(expected, found, length - 3) == 0;
    return strlen(found) == length && memcmp(expected, found, length) == 0;
}

START_TEST(test_faulty)
{
    const struct fault_row *row = &faulty[_i];
    struct definitions_fault *faults;
    ck_assert_ptr_null(definitions_compile(span_of_text(row->json), &faults));
    const char *expected = row->faults;
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next) {
        char found[2048];
        snprintf(found, sizeof(found), "%s: %s", fault->path, fault->message);
        ck_assert_msg(invisible_in(span_of_text(fault->message)) == 0, "invisible in %s", fault->message);
        size_t length = strcspn(expected, "\n");
        ck_assert_msg(line_matches(expected, length, found), "%s\nexpected %s\nfound    %s", row->json, expected,
                      found);
        expected += length + (expected[length] == '\n');
    }
    ck_assert_msg(*expected == '\0', "%s\nmissing %s", row->json, expected);
    definitions_faults_free(faults);
    ck_assert_ptr_null(definitions_compile(span_of_text(row->json), NULL));
}
END_TEST

static const char *const valid[] = {
    "[]",
    "{\"data\":[]}",
    "{\"data\":[],\"nextToken\":\"x\",\"other\":{}}",
    FIELD("text", ",\"options\":[],\"color\":{\"a\":[1]},\"order\":null,\"name\":null,\"rules\":null"),
    FIELD("text", ",\"options\":null,\"rules\":{}"),
    CHOICE(",\"options\":null"),
    CHOICE(",\"options\":[]"),
    RULES("text", "{\"required\":null,\"minLength\":0,\"maxLength\":4294967295}"),
    RULES("email", "{\"maxLength\":10}"),
    RULES("number", "{\"minimum\":-1e300,\"maximum\":1E+2,\"integer\":true}"),
    RULES("number", "{\"minimum\":1,\"maximum\":1.5,\"integer\":true}"),
    CHOICE(",\"options\":[{\"key\":\"a\"},{\"key\":\"A\"}],\"rules\":{\"minSelected\":2,\"maxSelected\":2}"),
    "[{\"key\":\"a\",\"type\":\"x\",\"entityType\":\"company\"}]",
    "[{\"entityType\":\"company\"},{\"key\":\"a\",\"type\":\"text\",\"entityType\":\"client\"}]",
};

START_TEST(test_valid)
{
    struct definitions_fault *faults;
    struct definitions *definitions = definitions_compile(span_of_text(valid[_i]), &faults);
    ck_assert_msg(definitions && !faults, "%s: %s %s", valid[_i], faults ? faults->path : "",
                  faults ? faults->message : "");
    definitions_free(definitions);
}
END_TEST

/* The longest key is accepted, one byte more is not. */
START_TEST(test_key_length)
{
    char json[1024], key[FIELD_KEY_BYTES + 2];
    for (int length = FIELD_KEY_BYTES; length <= FIELD_KEY_BYTES + 1; length++) {
        memset(key, 'k', (size_t)length);
        key[length] = '\0';
        snprintf(json, sizeof(json), "[{\"key\":\"%s\",\"type\":\"multiSelect\",\"options\":[{\"key\":\"%s\"}]}]", key,
                 key);
        struct definitions_fault *faults;
        struct definitions *definitions = definitions_compile(span_of_text(json), &faults);
        ck_assert_int_eq(definitions != NULL, length == FIELD_KEY_BYTES);
        if (!definitions) {
            ck_assert_str_eq(faults->path, "/0/key");
            ck_assert_str_eq(faults->next->path, "/0/options/0/key");
        }
        definitions_free(definitions);
        definitions_faults_free(faults);
    }
}
END_TEST

START_TEST(test_compiled)
{
    static const char json[] =
        "[{\"key\":\"s\",\"name\":\"S\",\"type\":\"multiSelect\",\"order\":2,\"options\":[{\"key\":\"a\"},{\"key\":"
        "\"b\\\"\"}]},"
        "{\"key\":\"t\",\"type\":\"text\",\"order\":1,\"rules\":{\"required\":true,\"minLength\":2,\"maxLength\":9}},"
        "{\"key\":\"p\",\"type\":\"phoneNumber\",\"rules\":{\"countries\":[\"US\",\"CA\",\"XK\"],\"phone\":"
        "\"possible\"}},"
        "{\"key\":\"n\",\"type\":\"number\",\"order\":1,\"rules\":{\"minimum\":-1.5,\"maximum\":7,\"integer\":true}}]";
    struct definitions *definitions = definitions_compile(span_of_text(json), NULL);
    ck_assert_ptr_nonnull(definitions);
    ck_assert_uint_eq(definitions->count, 4);
    static const char *const order[] = {"t", "n", "s", "p"};
    for (uint32_t i = 0; i < 4; i++) {
        expect_span(definitions->fields[i].key, order[i]);
        ck_assert_uint_eq(definitions->fields[i].index, i);
        ck_assert_ptr_eq(definitions_field(definitions, span_of_text(order[i])), &definitions->fields[i]);
    }
    ck_assert_ptr_null(definitions_field(definitions, SPAN("")));
    ck_assert_ptr_null(definitions_field(definitions, SPAN("S")));

    const struct field *text = definitions_field(definitions, SPAN("t"));
    expect_span(text->name, "t");
    expect_span(text->label_token, "\"t\":");
    ck_assert_str_eq(text->type->name, "text");
    ck_assert(text->rules.required && text->rules.has_min_length && text->rules.has_max_length);
    ck_assert_uint_eq(text->rules.min_length, 2);
    ck_assert_uint_eq(text->rules.max_length, 9);
    ck_assert(!text->rules.has_minimum && !text->rules.has_countries && !text->rules.has_phone);
    ck_assert_uint_eq(definitions->required_count, 1);
    ck_assert_ptr_eq(definitions->required[0], text);

    const struct field *choice = definitions_field(definitions, SPAN("s"));
    expect_span(choice->name, "S");
    ck_assert_uint_eq(choice->option_count, 2);
    ck_assert_int_eq(field_option(choice, SPAN("a")), 0);
    ck_assert_int_eq(field_option(choice, SPAN("b\"")), 1);
    ck_assert_int_eq(field_option(choice, SPAN("A")), -1);
    ck_assert_int_eq(field_option(text, SPAN("a")), -1);
    expect_span(choice->option_tokens[1], "\"b\\\"\"");

    const struct field *phone = definitions_field(definitions, SPAN("p"));
    ck_assert(phone->rules.has_countries && phone->rules.has_phone);
    ck_assert_int_eq(phone->rules.phone, PHONE_POSSIBLE);
    ck_assert_uint_eq(phone->rules.countries['U' - 'A'], UINT32_C(1) << ('S' - 'A'));
    ck_assert_uint_eq(phone->rules.countries['C' - 'A'], UINT32_C(1) << ('A' - 'A'));
    ck_assert_uint_eq(phone->rules.countries['X' - 'A'], UINT32_C(1) << ('K' - 'A'));

    const struct field *number = definitions_field(definitions, SPAN("n"));
    ck_assert(number->rules.integer && number->rules.has_minimum && number->rules.has_maximum);
    ck_assert_double_eq(number->rules.minimum, -1.5);
    ck_assert_double_eq(number->rules.maximum, 7);
    definitions_free(definitions);
}
END_TEST

/* The version is the hash of the bytes. */
START_TEST(test_version)
{
    char expected[HASH_LENGTH];
    hash_text(SPAN("[ ]"), expected);
    struct definitions *definitions = definitions_compile(SPAN("[ ]"), NULL);
    ck_assert_mem_eq(definitions->version, expected, HASH_LENGTH);
    definitions_free(definitions);
    definitions = definitions_compile(SPAN("[]"), NULL);
    ck_assert_mem_ne(definitions->version, expected, HASH_LENGTH);
    definitions_free(definitions);
}
END_TEST

/* A list of `count` text fields, to be freed. */
static char *many_fields(unsigned count)
{
    char *json = malloc(count * 40 + 16), *to = json;
    *to++ = '[';
    for (unsigned i = 0; i < count; i++)
        to += sprintf(to, "%s{\"key\":\"k%u\",\"type\":\"text\"}", i > 0 ? "," : "", i);
    strcpy(to, "]");
    return json;
}

START_TEST(test_many_fields)
{
    char *json = many_fields(FIELDS_PER_WORKSPACE), key[16];
    struct definitions *definitions = definitions_compile(span_of_text(json), NULL);
    ck_assert_ptr_nonnull(definitions);
    for (unsigned i = 0; i < FIELDS_PER_WORKSPACE; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        ck_assert_uint_eq(definitions_field(definitions, span_of_text(key))->index, i);
    }
    definitions_free(definitions);
    free(json);

    json = many_fields(FIELDS_PER_WORKSPACE + 1);
    struct definitions_fault *faults;
    ck_assert_ptr_null(definitions_compile(span_of_text(json), &faults));
    ck_assert_str_eq(faults->message, "must list at most 2000 fields");
    definitions_faults_free(faults);
    free(json);
}
END_TEST

/* Paths and messages have a fixed size, and long names are cut at a character. */
START_TEST(test_long_rule_name)
{
    char json[1024] = "[{\"key\":\"k\",\"type\":\"text\",\"rules\":{\"";
    for (int i = 0; i < 200; i++)
        strcat(json, "\xc3\xa9");
    strcat(json, "\":1}}]");
    struct definitions_fault *faults;
    ck_assert_ptr_null(definitions_compile(span_of_text(json), &faults));
    size_t length = strlen(faults->path);
    ck_assert_uint_ge(length, sizeof(faults->path) - 3);
    ck_assert_int_eq((unsigned char)faults->path[length - 1], 0xa9);
    definitions_faults_free(faults);
}
END_TEST

/* The first hundred errors list alternatives; all errors are there. */
START_TEST(test_many_faults)
{
    enum { FAULTS = 150 };
    char json[FAULTS * 32] = "[";
    for (int i = 0; i < FAULTS; i++)
        sprintf(json + strlen(json), "%s{\"key\":\"k%d\",\"type\":\"x\"}", i > 0 ? "," : "", i);
    strcat(json, "]");
    struct definitions_fault *faults;
    ck_assert_ptr_null(definitions_compile(span_of_text(json), &faults));
    unsigned count = 0, lists = 0;
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next, count++)
        lists += strstr(fault->message, "must be one of text, ") != NULL;
    ck_assert_uint_eq(count, FAULTS);
    ck_assert_uint_eq(lists, 100);
    definitions_faults_free(faults);
}
END_TEST

/* A set may have millions of errors, each of which would take memory of the daemon. */
START_TEST(test_no_more_faults_than_anyone_reads)
{
    enum { ENTRIES = 500000 };
    char *json = malloc(2 * ENTRIES + 2), *end = json;
    *end++ = '[';
    for (int i = 0; i < ENTRIES; i++)
        end = stpcpy(end, i > 0 ? ",1" : "1");
    strcpy(end, "]");
    struct definitions_fault *faults;
    ck_assert_ptr_null(definitions_compile(span_of_text(json), &faults));
    unsigned count = 0;
    const struct definitions_fault *last = NULL;
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next, count++)
        last = fault;
    ck_assert_uint_eq(count, FAULTS_LISTED + 1);
    ck_assert_str_eq(last->path, "");
    ck_assert_str_eq(last->message, "499000 further errors are not listed");
    definitions_faults_free(faults);
    free(json);
}
END_TEST

/* CPU time to compile a multiSelect with COLLIDING_OPTIONS options, and to look for one that it does not have. With
 * `collide` the keys are chosen so that without a random seed they all would fall into a sixteenth of the table. */
#define COLLIDING_OPTIONS 20000
static double compile_options(bool collide)
{
    const uint32_t part = key_table_slots(COLLIDING_OPTIONS) / 16, mask = key_table_slots(COLLIDING_OPTIONS) - 1;
    char *json = malloc(COLLIDING_OPTIONS * sizeof("{\"key\":\"00000000\"},") + 100);
    char *end = stpcpy(json, "[{\"key\":\"k\",\"type\":\"multiSelect\",\"options\":[");
    for (unsigned number = 0, count = 0; count < COLLIDING_OPTIONS; number++) {
        char key[16];
        snprintf(key, sizeof(key), "%08u", number);
        if (!collide || ((uint32_t)XXH3_64bits_withSeed(key, 8, 0) & mask) < part)
            end += sprintf(end, "%s{\"key\":\"%s\"}", count++ > 0 ? "," : "", key);
    }
    stpcpy(end, "]}]");
    const double began = cpu_seconds();
    struct definitions *definitions = definitions_compile(span_of_text(json), NULL);
    ck_assert_ptr_nonnull(definitions);
    ck_assert_int_eq(field_option(&definitions->fields[0], SPAN("another")), -1);
    const double taken = cpu_seconds() - began;
    definitions_free(definitions);
    free(json);
    return taken;
}

/* The author of one workspace's definitions must not be able to stop the threads that compile them. */
START_TEST(test_options_that_collide_cost_no_more)
{
    const double usual = compile_options(false), colliding = compile_options(true);
    ck_assert_msg(colliding < 5 * usual + 0.05, "%.1f ms, of others %.1f ms", colliding * 1000, usual * 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("definitions");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, test_faulty, 0, (int)(sizeof(faulty) / sizeof(faulty[0])));
    tcase_add_loop_test(tests, test_valid, 0, (int)(sizeof(valid) / sizeof(valid[0])));
    tcase_add_test(tests, test_key_length);
    tcase_add_test(tests, test_compiled);
    tcase_add_test(tests, test_version);
    tcase_add_test(tests, test_many_fields);
    tcase_add_test(tests, test_long_rule_name);
    tcase_add_test(tests, test_many_faults);
    tcase_add_test(tests, test_no_more_faults_than_anyone_reads);
    tcase_add_test(tests, test_options_that_collide_cost_no_more);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
