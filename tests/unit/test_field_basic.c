/* The field types text, number and multiSelect: accepted values, their normalized form, and the errors of the
 * others. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_writer.h"
#include "worker/validate/field.h"

#define ARENA_BYTES ((size_t)256 << 20)
#define VALUE_BYTES ((size_t)1 << 20)
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct arena arena;
static struct json_parser *parser;

static void open_arena(void)
{
    ck_assert_int_eq(arena_open(&arena, ARENA_BYTES), 0);
    parser = json_parser_new(VALUE_BYTES);
    ck_assert_ptr_nonnull(parser);
}

static void close_arena(void)
{
    json_parser_free(parser);
    arena_close(&arena);
}

/* The definitions of one field called f; `rest` holds its type, options and rules as JSON members. */
static struct definitions *definitions_of(const char *rest)
{
    struct span json = arena_format(&arena, "[{\"id\":\"1\",\"key\":\"f\",\"name\":\"F\",\"order\":0,%s}]", rest);
    struct definitions_fault *faults = NULL;
    struct definitions *definitions = definitions_compile(json, &faults);
    ck_assert_msg(definitions != NULL, "%s at %s in %.*s", faults ? faults->message : "no fault",
                  faults ? faults->path : "", SPAN_FORMAT(json));
    return definitions;
}

/* One value and its result. */
struct evaluation {
    struct json_document document;
    struct item item;
    bool accepted;
    struct span normal; /* if accepted */
};

static void evaluate(const struct field *field, struct span value, struct evaluation *evaluation)
{
    char *text = arena_alloc(&arena, value.length + JSON_PADDING);
    memcpy(text, value.at, value.length);
    struct json_fault fault;
    memset(evaluation, 0, sizeof(*evaluation));
    if (!json_parse(parser, text, value.length, CUSTOM_FIELDS_DEPTH, &arena, &evaluation->document, &fault))
        ck_abort_msg("%.*s is not JSON: %s", SPAN_FORMAT(value), json_fault_text(fault.code));
    evaluation->item.document = evaluation->document;
    struct check check = {.item = &evaluation->item, .arena = &arena};
    evaluation->accepted = field->type->evaluate(&check, field, &evaluation->document, 0, &evaluation->normal);
    if (evaluation->accepted != (evaluation->item.violation_count == 0))
        ck_abort_msg("%.*s: accepted is %d with %u violations", SPAN_FORMAT(value), evaluation->accepted,
                     evaluation->item.violation_count);
}

/* The normalized value, or its violations: "! option_unknown /1, type_mismatch /2". */
static struct span outcome_of(const struct evaluation *evaluation)
{
    if (evaluation->accepted)
        return evaluation->normal;
    struct span text = SPAN("!");
    for (const struct violation *violation = evaluation->item.violations; violation; violation = violation->next)
        text = arena_format(&arena, "%.*s%s %s%s%.*s", SPAN_FORMAT(text), text.length > 1 ? "," : "",
                            error_row(violation->code)->code, violation->path.length > 0 ? " " : "",
                            SPAN_FORMAT(violation->path));
    return text;
}

struct row {
    const char *field;
    struct span value;
    struct span expected; /* in the form of outcome_of */
};

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct definitions *definitions = definitions_of(rows[i].field);
        struct evaluation evaluation;
        evaluate(&definitions->fields[0], rows[i].value, &evaluation);
        struct span actual = outcome_of(&evaluation);
        ck_assert_msg(span_equal(actual, rows[i].expected), "%s: %.*s gives %.*s, not %.*s", rows[i].field,
                      SPAN_FORMAT(rows[i].value), SPAN_FORMAT(actual), SPAN_FORMAT(rows[i].expected));
        definitions_free(definitions);
    }
}

#define VALUE(text)        SPAN(text)
#define TEXT               "\"type\":\"text\""
#define TEXT_WITH(rules)   TEXT ",\"rules\":{" rules "}"
#define NUMBER             "\"type\":\"number\""
#define NUMBER_WITH(rules) NUMBER ",\"rules\":{" rules "}"
#define OPTION(key)        "{\"id\":\"x\",\"key\":\"" key "\",\"label\":\"" key "\"}"
#define SERVICES                                                                                                       \
    "\"type\":\"multiSelect\",\"options\":[" OPTION("fileSharing") "," OPTION("metrics") "," OPTION("R&D \\\"x\\\"") "]"
#define SERVICES_WITH(rules) SERVICES ",\"rules\":{" rules "}"

START_TEST(the_table_of_types)
{
    static const char *const names[] = {"text", "number", "email", "url", "phoneNumber", "address", "multiSelect"};
    for (size_t i = 0; i < ROWS(names); i++) {
        const struct field_type *type = field_type_find(span_of_text(names[i]));
        ck_assert_ptr_nonnull(type);
        ck_assert_str_eq(type->name, names[i]);
        ck_assert_ptr_nonnull(type->evaluate);
    }
    ck_assert_ptr_null(field_types[ROWS(names)].name);
    ck_assert_ptr_null(field_type_find(SPAN("Text")));
    ck_assert_ptr_null(field_type_find(SPAN("tex")));
    ck_assert_ptr_null(field_type_find(SPAN("texts")));
    ck_assert_ptr_null(field_type_find(SPAN("")));
}
END_TEST

START_TEST(text_values)
{
    static const struct row rows[] = {
        {TEXT, VALUE("\"She/Her/Hers\""), VALUE("\"She/Her/Hers\"")},
        {TEXT, VALUE("\"  not trimmed \""), VALUE("\"  not trimmed \"")},
        {TEXT, VALUE("\"   \""), VALUE("\"   \"")},
        {TEXT, VALUE("\"Ju\u0308rgen\""), VALUE("\"J\u00fcrgen\"")},
        {TEXT, VALUE("\"Ju\\u0308rgen\""), VALUE("\"J\u00fcrgen\"")},
        {TEXT, VALUE("\"\u1112\u1161\u11ab\""), VALUE("\"\ud55c\"")},
        {TEXT, VALUE("\"a\\r\\nb\\rc\\nd\""), VALUE("\"a\\nb\\nc\\nd\"")},
        {TEXT, VALUE("\"a\\tb\""), VALUE("\"a\\tb\"")},
        {TEXT, VALUE("\"a\\/b \\u0041 \\\" \\\\\""), VALUE("\"a/b A \\\" \\\\\"")},
        {TEXT, VALUE("\"\\ud83d\\ude00\""), VALUE("\"\U0001f600\"")},
        {TEXT, VALUE("\"\u0301\""), VALUE("\"\u0301\"")},
        {TEXT, VALUE("\"\u0301\u0327\""), VALUE("\"\u0327\u0301\"")},
        {TEXT, VALUE("\"\u200e\u202e\ufeff\""), VALUE("\"\u200e\u202e\ufeff\"")}, /* format characters stay */
        {TEXT, VALUE("\"\u2028\""), VALUE("\"\u2028\"")},
        {TEXT, VALUE("\"a\\u0000b\""), VALUE("! control_character")},
        {TEXT, VALUE("\"a\\u000bb\""), VALUE("! control_character")},
        {TEXT, VALUE("\"a\x7f\""), VALUE("! control_character")},
        {TEXT, VALUE("\"a\\u0085b\""), VALUE("! control_character")},
        {TEXT, VALUE("\"\xc2\x9f\""), VALUE("! control_character")},
        {TEXT, VALUE("1"), VALUE("! type_mismatch")},
        {TEXT, VALUE("true"), VALUE("! type_mismatch")},
        {TEXT, VALUE("[\"a\"]"), VALUE("! type_mismatch")},
        {TEXT, VALUE("{\"a\":\"b\"}"), VALUE("! type_mismatch")},
        {TEXT_WITH("\"minLength\":3"), VALUE("\"ab\""), VALUE("! too_short")},
        {TEXT_WITH("\"minLength\":3"), VALUE("\"abc\""), VALUE("\"abc\"")},
        {TEXT_WITH("\"minLength\":3"), VALUE("\"ae\u0301\""),
         VALUE("! too_short")}, /* two characters after composition */
        {TEXT_WITH("\"maxLength\":3"), VALUE("\"abc\""), VALUE("\"abc\"")},
        {TEXT_WITH("\"maxLength\":3"), VALUE("\"abcd\""), VALUE("! too_long")},
        {TEXT_WITH("\"maxLength\":3"), VALUE("\"a\\r\\nb\""), VALUE("\"a\\nb\"")},
        {TEXT_WITH("\"maxLength\":1"), VALUE("\"\U0001f600\""), VALUE("\"\U0001f600\"")},
        {TEXT_WITH("\"maxLength\":3"), VALUE("\"ab\\u0001cd\""), VALUE("! control_character, too_long")},
    };
    assert_rows(rows, ROWS(rows));
}
END_TEST

START_TEST(number_values)
{
    static const struct row rows[] = {
        {NUMBER, VALUE("42"), VALUE("42")},
        {NUMBER, VALUE("-0"), VALUE("0")},
        {NUMBER, VALUE("1.50"), VALUE("1.5")},
        {NUMBER, VALUE("1e2"), VALUE("100")},
        {NUMBER, VALUE("1e21"), VALUE("1e+21")},
        {NUMBER, VALUE("\"42\""), VALUE("42")},
        {NUMBER, VALUE("\"001\""), VALUE("1")},
        {NUMBER, VALUE("\"-1.50e1\""), VALUE("-15")},
        {NUMBER, VALUE("\"\\u0034\\u0032\""), VALUE("42")},
        {NUMBER, VALUE("0.1"), VALUE("0.1")},
        {NUMBER, VALUE("1152921504606847000"), VALUE("1152921504606847000")},
        {NUMBER, VALUE("1152921504606846976"), VALUE("! number_precision")},
        {NUMBER, VALUE("0.1000000000000000055511151231257827"), VALUE("! number_precision")},
        {NUMBER, VALUE("1e-400"), VALUE("! number_precision")},
        {NUMBER, VALUE("\"9007199254740993\""), VALUE("! number_precision")},
        {NUMBER, VALUE("1e400"), VALUE("! number_range")},
        {NUMBER, VALUE("\"-1e99999999999999999999\""), VALUE("! number_range")},
        {NUMBER, VALUE("0e99999"), VALUE("0")},
        {NUMBER, VALUE("\" 1\""), VALUE("! number_syntax")},
        {NUMBER, VALUE("\"   \""), VALUE("! number_syntax")},
        {NUMBER, VALUE("\"+1\""), VALUE("! number_syntax")},
        {NUMBER, VALUE("\"1,000\""), VALUE("! number_syntax")},
        {NUMBER, VALUE("\"1\\u0000\""), VALUE("! number_syntax")},
        {NUMBER, VALUE("\"\u0661\""), VALUE("! number_syntax")},
        {NUMBER, VALUE("\"NaN\""), VALUE("! number_syntax")},
        {NUMBER, VALUE("true"), VALUE("! type_mismatch")},
        {NUMBER, VALUE("[1]"), VALUE("! type_mismatch")},
        {NUMBER, VALUE("{\"a\":1}"), VALUE("! type_mismatch")},
        {NUMBER_WITH("\"minimum\":5"), VALUE("5"), VALUE("5")},
        {NUMBER_WITH("\"minimum\":5"), VALUE("4.999"), VALUE("! number_range")},
        {NUMBER_WITH("\"minimum\":5"), VALUE("\"4\""), VALUE("! number_range")},
        {NUMBER_WITH("\"maximum\":0.1"), VALUE("0.1"), VALUE("0.1")},
        {NUMBER_WITH("\"maximum\":0.1"), VALUE("0.10000000000000001"), VALUE("! number_precision")},
        {NUMBER_WITH("\"maximum\":0.1"), VALUE("0.11"), VALUE("! number_range")},
        {NUMBER_WITH("\"minimum\":0"), VALUE("-0"), VALUE("0")},
        {NUMBER_WITH("\"integer\":true"), VALUE("5.0"), VALUE("5")},
        {NUMBER_WITH("\"integer\":true"), VALUE("50e-1"), VALUE("5")},
        {NUMBER_WITH("\"integer\":true"), VALUE("1e300"), VALUE("1e+300")},
        {NUMBER_WITH("\"integer\":true"), VALUE("5.5"), VALUE("! number_integer")},
        {NUMBER_WITH("\"integer\":false"), VALUE("5.5"), VALUE("5.5")},
        {NUMBER_WITH("\"minimum\":5,\"integer\":true"), VALUE("4.5"), VALUE("! number_range, number_integer")},
    };
    assert_rows(rows, ROWS(rows));
}
END_TEST

START_TEST(multi_select_values)
{
    static const struct row rows[] = {
        {SERVICES, VALUE("[\"metrics\"]"), VALUE("[\"metrics\"]")},
        {SERVICES, VALUE("[ \"metrics\" ,\n\"fileSharing\" ]"), VALUE("[\"metrics\",\"fileSharing\"]")},
        {SERVICES, VALUE("[\"metrics\",\"fileSharing\",\"metrics\"]"), VALUE("[\"metrics\",\"fileSharing\"]")},
        {SERVICES, VALUE("[\"m\\u0065trics\",\"metrics\"]"), VALUE("[\"metrics\"]")},
        {SERVICES, VALUE("[\"R&D \\\"x\\\"\"]"), VALUE("[\"R&D \\\"x\\\"\"]")},
        {SERVICES, VALUE("\"metrics\""), VALUE("! type_mismatch")},
        {SERVICES, VALUE("{\"metrics\":true}"), VALUE("! type_mismatch")},
        {SERVICES, VALUE("1"), VALUE("! type_mismatch")},
        {SERVICES, VALUE("[\"metric\"]"), VALUE("! option_unknown /0")},
        {SERVICES, VALUE("[\"Metrics\"]"), VALUE("! option_unknown /0")},
        {SERVICES, VALUE("[\"metrics \"]"), VALUE("! option_unknown /0")},
        {SERVICES, VALUE("[\"metrics\\u0000\"]"), VALUE("! option_unknown /0")},
        {SERVICES, VALUE("[\"metrics\",\"\"]"), VALUE("! option_unknown /1")},
        {SERVICES, VALUE("[null,\"metrics\"]"), VALUE("! type_mismatch /0")},
        {SERVICES, VALUE("[\"a\",\"metrics\",[\"metrics\",\"b\"],{\"c\":[1]},7,\"d\"]"),
         VALUE("! option_unknown /0, type_mismatch /2, type_mismatch /3, type_mismatch /4, option_unknown /5")},
        {SERVICES_WITH("\"minSelected\":2"), VALUE("[\"metrics\",\"metrics\"]"), VALUE("! too_few")},
        {SERVICES_WITH("\"minSelected\":2"), VALUE("[\"metrics\",\"fileSharing\"]"),
         VALUE("[\"metrics\",\"fileSharing\"]")},
        {SERVICES_WITH("\"maxSelected\":1"), VALUE("[\"metrics\",\"metrics\"]"), VALUE("[\"metrics\"]")},
        {SERVICES_WITH("\"maxSelected\":1"), VALUE("[\"metrics\",\"fileSharing\"]"), VALUE("! too_many")},
        {SERVICES_WITH("\"maxSelected\":1"), VALUE("[\"metrics\",\"x\"]"), VALUE("! option_unknown /1")},
    };
    assert_rows(rows, ROWS(rows));
}
END_TEST

START_TEST(messages_say_what_is_wrong_and_what_would_be_right)
{
    static const struct row rows[] = {
        {TEXT, VALUE("7"), VALUE("must be a string, not a number")},
        {TEXT, VALUE("\"\\u0000\""),
         VALUE("must not hold the control character U+0000, nor any other but TAB and line ends")},
        {TEXT_WITH("\"minLength\":3"), VALUE("\"a\""), VALUE("must have at least 3 characters, not 1")},
        {TEXT_WITH("\"maxLength\":1"), VALUE("\"ab\""), VALUE("must have at most 1 character, not 2")},
        {NUMBER, VALUE("true"), VALUE("must be a number, or a string that holds one, not true")},
        {NUMBER, VALUE("\"seven\""), VALUE("\"s\" has no place in a number, which must be one like 12, -0.5 or 6e23")},
        {NUMBER, VALUE("\"7 \""), VALUE("\"7 \" is not a number, must be one without white space around it")},
        {NUMBER, VALUE("\"+7\""), VALUE("\"+7\" is not a number, must be one without a plus sign")},
        {NUMBER, VALUE("\"1,5\""),
         VALUE("\"1,5\" is not a number, must be one with a point before the decimals and nothing between thousands")},
        {NUMBER, VALUE("1e309"),
         VALUE("\"1e309\" is too large, must be between -1.7976931348623157e+308 and 1.7976931348623157e+308")},
        {NUMBER, VALUE("9007199254740993"),
         VALUE("\"9007199254740993\" would become 9007199254740992, must be a number that binary64 keeps: any of up to "
               "15 digits is")},
        {NUMBER_WITH("\"minimum\":0.5"), VALUE("-3"), VALUE("must be at least 0.5, not -3")},
        {NUMBER_WITH("\"maximum\":100"), VALUE("\"0101\""), VALUE("must be at most 100, not 101")},
        {NUMBER_WITH("\"integer\":true"), VALUE("2.50"), VALUE("must be a whole number, not 2.5")},
        {SERVICES, VALUE("\"metrics\""), VALUE("must be an array of option keys, not a string")},
        {SERVICES, VALUE("[null]"), VALUE("must be a string, the key of an option, not null")},
        {SERVICES, VALUE("[\"metric\"]"),
         VALUE("\"metric\" is not an option of f, must be one of metrics, fileSharing, R&D \"x\"")},
        {SERVICES, VALUE("[\"filesharing\"]"),
         VALUE("\"filesharing\" is not an option of f, must be written fileSharing")},
        {SERVICES_WITH("\"minSelected\":2"), VALUE("[\"metrics\"]"), VALUE("must select at least 2 options, not 1")},
        {SERVICES_WITH("\"maxSelected\":1"), VALUE("[\"metrics\",\"fileSharing\"]"),
         VALUE("must select at most 1 option, not 2")},
        {"\"type\":\"multiSelect\",\"options\":[]", VALUE("[\"a\"]"),
         VALUE("\"a\" is not an option of f, which has none: it must be left out")},
        {"\"type\":\"multiSelect\",\"options\":[" OPTION("o1") "," OPTION("o2") "," OPTION("o3") "," OPTION(
             "o4") "," OPTION("o5") "," OPTION("o6") "," OPTION("o7") "," OPTION("o8") "," OPTION("o9") "]",
         VALUE("[\"a\"]"), VALUE("\"a\" is not an option of f, must be one of o1, o2, o3, o4, o5, o6, o7, o8, o9")},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct definitions *definitions = definitions_of(rows[i].field);
        struct evaluation evaluation;
        evaluate(&definitions->fields[0], rows[i].value, &evaluation);
        ck_assert_uint_eq(evaluation.item.violation_count, 1);
        struct span message = evaluation.item.violations->message;
        ck_assert_msg(span_equal(message, rows[i].expected), "%.*s: %.*s", SPAN_FORMAT(rows[i].value),
                      SPAN_FORMAT(message));
        definitions_free(definitions);
    }
}
END_TEST

/* A JSON string of `count` times `piece`. */
static struct span string_of(struct span piece, size_t count)
{
    char *text = arena_alloc(&arena, piece.length * count + 2);
    size_t length = 0;
    text[length++] = '"';
    for (size_t i = 0; i < count; i++, length += piece.length)
        memcpy(text + length, piece.at, piece.length);
    text[length++] = '"';
    return span_of(text, length);
}

START_TEST(the_limit_of_text_counts_normalized_code_points)
{
    const struct {
        struct span value;
        const char *message; /* NULL: accepted */
    } rows[] = {
        {string_of(SPAN("a"), 65535), NULL},
        {string_of(SPAN("a"), 65536), "must have at most 65535 characters, not 65536"},
        {string_of(SPAN("\U0001f600"), 65535), NULL},
        {string_of(SPAN("\U0001f600"), 65536), "must have at most 65535 characters, not 65536"},
        {string_of(SPAN("e\u0301"), 65535), NULL},
        {string_of(SPAN("\\r\\n"), 65535), NULL},
        {string_of(SPAN("\u0958"), 32768), "must have at most 65535 characters, not 65536"}, /* two each */
        {string_of(SPAN("\u0301\u0327"), 40000), "must have at most 65535 characters, not 80000"},
    };
    struct definitions *definitions = definitions_of(TEXT);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct evaluation evaluation;
        evaluate(&definitions->fields[0], rows[i].value, &evaluation);
        ck_assert_msg(evaluation.accepted == (rows[i].message == NULL), "row %zu", i);
        if (rows[i].message)
            ck_assert(span_equal(evaluation.item.violations->message, span_of_text(rows[i].message)));
    }
    definitions_free(definitions);

    definitions = definitions_of(TEXT_WITH("\"maxLength\":100"));
    struct evaluation evaluation;
    evaluate(&definitions->fields[0], rows[1].value, &evaluation);
    ck_assert_uint_eq(evaluation.item.violation_count, 1);
    ck_assert(span_equal(evaluation.item.violations->message, SPAN("must have at most 100 characters, not 65536")));
    definitions_free(definitions);
}
END_TEST

START_TEST(a_normal_value_is_not_copied)
{
    static const struct {
        const char *field;
        struct span value;
    } rows[] = {
        {TEXT, SPAN("\"She/Her/Hers\"")}, {TEXT, SPAN("\"J\u00fcrgen \u65e5\u672c\"")},
        {TEXT, SPAN("\"q\u0301\"")},      {NUMBER, SPAN("-12.5")},
        {NUMBER, SPAN("1e+21")},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct definitions *definitions = definitions_of(rows[i].field);
        struct evaluation evaluation;
        evaluate(&definitions->fields[0], rows[i].value, &evaluation);
        ck_assert_ptr_eq(evaluation.normal.at, evaluation.document.text);
        ck_assert_uint_eq(evaluation.normal.length, rows[i].value.length);
        definitions_free(definitions);
    }
}
END_TEST

START_TEST(an_array_of_a_hundred_thousand_wrong_options_stays_small)
{
    const size_t count = 100000;
    char *text = arena_alloc(&arena, count * 3 + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * 3, i == 0 ? "[\"\"" : ",\"\"", 3);
    text[count * 3] = ']';
    struct definitions *definitions = definitions_of(SERVICES);
    struct evaluation evaluation;
    size_t used = arena.used;
    evaluate(&definitions->fields[0], span_of(text, count * 3 + 1), &evaluation);
    ck_assert_uint_eq(evaluation.item.violation_count, count);
    ck_assert_uint_eq(evaluation.item.violation_listed, VIOLATIONS_LISTED);
    /* The document, and messages for the listed violations; nothing for the others. */
    ck_assert_uint_lt(arena.used - used, count * (sizeof(struct json_node) + 8) + VIOLATION_BYTES);
    definitions_free(definitions);
}
END_TEST

/* Idempotence: an accepted value is accepted again and stays the same. */

static uint64_t random_state = 0x9E3779B97F4A7C15;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

static struct span random_text(void)
{
    static const struct span pieces[] = {
        SPAN("a"),       SPAN(" "),       SPAN("e\u0301"),    SPAN("\u0301"),
        SPAN("\u0323"),  SPAN("\\r"),     SPAN("\\n"),        SPAN("\\r\\n"),
        SPAN("\\t"),     SPAN("\\\""),    SPAN("\\\\"),       SPAN("\\/"),
        SPAN("\u212b"),  SPAN("\u0958"),  SPAN("\u1112"),     SPAN("\u1161"),
        SPAN("\u11ab"),  SPAN("\uac00"),  SPAN("\u3000"),     SPAN("\U0001d160"),
        SPAN("\\u0041"), SPAN("\\u0308"), SPAN("\U0001f600"), SPAN("\\ud83d\\ude00"),
        SPAN("\u1fef"),  SPAN("\u2028"),  SPAN("\\u2029"),    SPAN("\u09c7\u09be"),
        SPAN("\u0344"),  SPAN("\\u001f"), SPAN("\u202e"),     SPAN("\u1e0b\u0323"),
    };
    struct json_writer writer;
    writer_open(&writer, &arena);
    writer_literal(&writer, "\"");
    for (uint32_t count = 1 + random_below(12); count > 0; count--) {
        /* The one control character is rare, so that most texts are accepted. */
        uint32_t piece = random_below(ROWS(pieces));
        writer_raw(&writer, piece == 29 && random_below(8) > 0 ? SPAN("z") : pieces[piece]);
    }
    writer_literal(&writer, "\"");
    return writer_close(&writer);
}

static struct span random_number(void)
{
    static const char *const formats[] = {"%u",        "-%u",       "%u.%04u",      "\"%05u.%u\"", "%ue-%u",
                                          "\"%ue%u\"", "0.000%u%u", "-%u.%u00E+12", "%u%u",        "\"-00%u%u%u\""};
    char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int length = snprintf(text, sizeof(text), formats[random_below(ROWS(formats))], random_below(100000000),
                          random_below(400), random_below(1000));
#pragma GCC diagnostic pop
    return arena_copy(&arena, span_of(text, (size_t)length));
}

static struct span random_selection(void)
{
    static const struct span elements[] = {SPAN("\"metrics\""),       SPAN("\"fileSharing\""),
                                           SPAN("\"R&D \\\"x\\\"\""), SPAN("\"\\u0052&D \\u0022x\\u0022\""),
                                           SPAN(" \"metrics\" "),     SPAN("\"none\"")};
    struct json_writer writer;
    writer_open(&writer, &arena);
    writer_literal(&writer, "[");
    for (uint32_t i = 0, count = 1 + random_below(5); i < count; i++) {
        if (i > 0)
            writer_literal(&writer, ",");
        writer_raw(&writer, elements[random_below(ROWS(elements))]);
    }
    writer_literal(&writer, "]");
    return writer_close(&writer);
}

START_TEST(twice_is_once)
{
    static const struct {
        const char *field;
        struct span (*value)(void);
    } kinds[] = {
        {TEXT, random_text},          {TEXT_WITH("\"minLength\":4,\"maxLength\":12"), random_text},
        {NUMBER, random_number},      {NUMBER_WITH("\"minimum\":-5.5,\"maximum\":1e30"), random_number},
        {SERVICES, random_selection}, {SERVICES_WITH("\"minSelected\":2"), random_selection},
    };
    for (size_t kind = 0; kind < ROWS(kinds); kind++) {
        struct definitions *definitions = definitions_of(kinds[kind].field);
        const struct field *field = &definitions->fields[0];
        const size_t mark = arena.used;
        int accepted = 0, changed = 0, refused = 0;
        for (int round = 0; round < 20000; round++) {
            arena_reset(&arena, mark);
            struct span value = kinds[kind].value();
            struct evaluation first, second;
            evaluate(field, value, &first);
            if (!first.accepted) {
                refused++;
                continue;
            }
            accepted++;
            changed += !span_equal(first.normal, value);
            evaluate(field, first.normal, &second);
            if (!second.accepted || !span_equal(second.normal, first.normal))
                ck_abort_msg("%.*s gives %.*s, which gives %.*s", SPAN_FORMAT(value), SPAN_FORMAT(first.normal),
                             SPAN_FORMAT(outcome_of(&second)));
        }
        ck_assert_int_gt(accepted, 2000);
        ck_assert_int_gt(changed, 500);
        ck_assert_int_gt(refused, 100);
        definitions_free(definitions);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("field_basic");
    TCase *tests = tcase_create("field_basic");
    tcase_add_checked_fixture(tests, open_arena, close_arena);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, the_table_of_types);
    tcase_add_test(tests, text_values);
    tcase_add_test(tests, number_values);
    tcase_add_test(tests, multi_select_values);
    tcase_add_test(tests, messages_say_what_is_wrong_and_what_would_be_right);
    tcase_add_test(tests, the_limit_of_text_counts_normalized_code_points);
    tcase_add_test(tests, a_normal_value_is_not_copied);
    tcase_add_test(tests, an_array_of_a_hundred_thousand_wrong_options_stays_small);
    tcase_add_test(tests, twice_is_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
