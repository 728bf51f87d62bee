/* The phone rule and the numbering plan: calling codes, lengths, and area codes, at each level. */
#include "tests/unit/phone_stage.h"

#include "common/phone.h"

static const struct phone_row rows[] = {
    /* The example of the public API's documentation, and its neighbours. */
    {PLAN, SPAN("+14441234576"), SAME},
    {ASSIGNED, SPAN("+14441234576"), "phone_area_code: no number in +1 begins 444"},
    {POSSIBLE, SPAN("+14441234576"), SAME},
    {PLAN, SPAN("+12025550123"), SAME},
    {ASSIGNED, SPAN("+12025550123"), SAME},
    {POSSIBLE, SPAN("+10234567890"), SAME},
    {PLAN, SPAN("+10234567890"), "phone_area_code: no number in +1 begins 0"},
    {ASSIGNED, SPAN("+10234567890"), "phone_area_code: no number in +1 begins 0"},
    {POSSIBLE, SPAN("+11234567890"), SAME},
    {PLAN, SPAN("+11234567890"), "phone_area_code: no number in +1 begins 1"},
    {ASSIGNED, SPAN("+11234567890"), "phone_area_code: no number in +1 begins 1"},
    {PLAN, SPAN("+19175555555"), SAME},
    {ASSIGNED, SPAN("+19175555555"), SAME},
    {ASSIGNED, SPAN("+12023456789"), SAME},
    {ASSIGNED, SPAN("+12021456789"), "phone_area_code: no number in +1 begins 2021"},
    {ASSIGNED, SPAN("+12123456789"), SAME},
    {ASSIGNED, SPAN("+18005551212"), SAME},
    {ASSIGNED, SPAN("+12125550123"), SAME},

    /* Calling codes. */
    {PLAN, SPAN("+"), "phone_country_code: no digit follows the +"},
    {PLAN, SPAN("+0"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+01"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+0012025550123"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+012025550123"), "phone_country_code: +0 is not a country calling code"},
    {PLAN, SPAN("+2"), "phone_country_code: +2 is only the beginning of a country calling code"},
    {PLAN, SPAN("+21"), "phone_country_code: +21 is only the beginning of a country calling code"},
    {PLAN, SPAN("+210"), "phone_country_code: +210 is not a country calling code"},
    {PLAN, SPAN("+2101234567"), "phone_country_code: +210 is not a country calling code"},
    {PLAN, SPAN("+999"), "phone_country_code: +999 is not a country calling code"},
    {PLAN, SPAN("+9991234567"), "phone_country_code: +999 is not a country calling code"},
    {PLAN, SPAN("+99"), "phone_country_code: +99 is only the beginning of a country calling code"},
    {PLAN, SPAN("+9"), "phone_country_code: +9 is only the beginning of a country calling code"},
    {PLAN, SPAN("+38"), "phone_country_code: +38 is only the beginning of a country calling code"},
    {PLAN, SPAN("+384123456"), "phone_country_code: +384 is not a country calling code"},
    {PLAN, SPAN("+4"), "phone_country_code: +4 is only the beginning of a country calling code"},
    {PLAN, SPAN("+42"), "phone_country_code: +42 is only the beginning of a country calling code"},
    {PLAN, SPAN("+422123456"), "phone_country_code: +422 is not a country calling code"},
    {PLAN, SPAN("+37"), "phone_country_code: +37 is only the beginning of a country calling code"},
    {PLAN, SPAN("+3"), "phone_country_code: +3 is only the beginning of a country calling code"},
    {PLAN, SPAN("+999 123"), "phone_country_code: +999 is not a country calling code"},
    {POSSIBLE, SPAN("+999123"), "phone_country_code: +999 is not a country calling code"},
    {ASSIGNED, SPAN("+999123"), "phone_country_code: +999 is not a country calling code"},
    {PLAN, SPAN("+8"), "phone_country_code: +8 is only the beginning of a country calling code"},
    {PLAN, SPAN("+80"), "phone_country_code: +80 is only the beginning of a country calling code"},
    {PLAN, SPAN("+801"), "phone_country_code: +801 is not a country calling code"},
    {PLAN, SPAN("+8011234567"), "phone_country_code: +801 is not a country calling code"},
    {PLAN, SPAN("+97"), "phone_country_code: +97 is only the beginning of a country calling code"},
    {PLAN, SPAN("+979"), "phone_length: +979 numbers have 9 digits after +979; this one has none"},
    {POSSIBLE, SPAN("+979123456789"), SAME},
    {ASSIGNED, SPAN("+979123456789"), SAME},
    {PLAN, SPAN("+979123456789"), SAME},
    {POSSIBLE, SPAN("+80012345678"), SAME},
    {PLAN, SPAN("+80012345678"), SAME},
    {ASSIGNED, SPAN("+80012345678"), SAME},
    {ASSIGNED, SPAN("+881612345678"), SAME},
    {ASSIGNED, SPAN("+88216123456"), SAME},
    {PLAN, SPAN("+88"), "phone_country_code: +88 is only the beginning of a country calling code"},
    {PLAN, SPAN("+889"), "phone_country_code: +889 is not a country calling code"},
    {PLAN, SPAN("+8891234567"), "phone_country_code: +889 is not a country calling code"},

    /* Lengths. */
    {PLAN, SPAN("+1"), "phone_length: +1 numbers have 10 digits after +1; this one has none"},
    {POSSIBLE, SPAN("+1"), "phone_length: +1 numbers have 10 digits after +1; this one has none"},
    {ASSIGNED, SPAN("+1"), "phone_length: +1 numbers have 10 digits after +1; this one has none"},
    {PLAN, SPAN("+12"), "phone_length: +1 numbers have 10 digits after +1; this one has 1"},
    {PLAN, SPAN("+120255501"), "phone_length: +1 numbers have 10 digits after +1; this one has 8"},
    {PLAN, SPAN("+1202555012"), "phone_length: +1 numbers have 10 digits after +1; this one has 9"},
    {PLAN, SPAN("+120255501234"), "phone_length: +1 numbers have 10 digits after +1; this one has 11"},
    {POSSIBLE, SPAN("+1202555012"), "phone_length: +1 numbers have 10 digits after +1; this one has 9"},
    {POSSIBLE, SPAN("+120255501234"), "phone_length: +1 numbers have 10 digits after +1; this one has 11"},
    {ASSIGNED, SPAN("+120255501234"), "phone_length: +1 numbers have 10 digits after +1; this one has 11"},
    {PLAN, SPAN("+2025550123"), "phone_length: +20 numbers that begin 2 have 9 digits after +20; this one has 8"},
    {PLAN, SPAN("+44"), "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has none"},
    {PLAN, SPAN("+4420"), "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 2"},
    {PLAN, SPAN("+4412345"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 5, enough for local calls only"},
    {PLAN, SPAN("+442079460958"), SAME},
    {PLAN, SPAN("+44207946095"), "phone_length: +44 numbers that begin 2 have 10 digits after +44; this one has 9"},
    {PLAN, SPAN("+4420794609581"), "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 11"},
    {ASSIGNED, SPAN("+44207946095"), "phone_length: +44 numbers that begin 2 have 10 digits after +44; this one has 9"},
    {POSSIBLE, SPAN("+44207946095"), SAME},
    {POSSIBLE, SPAN("+442079460"), SAME},
    {PLAN, SPAN("+442079460"), "phone_length: +44 numbers that begin 2 have 10 digits after +44; this one has 7"},
    {PLAN, SPAN("+448001111"), SAME},
    {ASSIGNED, SPAN("+448001111"), SAME},
    {ASSIGNED, SPAN("+448001112"),
     "phone_length: +44 numbers that begin 8001112 have 9 or 10 digits after +44; this one has 7"},
    {ASSIGNED, SPAN("+4480011112"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 8, enough for local calls only"},
    {ASSIGNED, SPAN("+448001111222"), SAME},
    {PLAN, SPAN("+49301"),
     "phone_length: +49 numbers have 4 to 13 digits after +49; this one has 3, enough for local calls only"},
    {PLAN, SPAN("+4930"),
     "phone_length: +49 numbers have 4 to 13 digits after +49; this one has 2, enough for local calls only"},
    {PLAN, SPAN("+49309018201234567"), "phone_length: a number has at most 15 digits; this one has 17"},
    {PLAN, SPAN("+491512345678901"), SAME},
    {POSSIBLE, SPAN("+491512345678901"), SAME},
    {PLAN, SPAN("+123456789012345"), "phone_length: +1 numbers have 10 digits after +1; this one has 14"},
    {PLAN, SPAN("+1234567890123456"), "phone_length: a number has at most 15 digits; this one has 16"},
    {POSSIBLE, SPAN("+1234567890123456"), "phone_length: a number has at most 15 digits; this one has 16"},
    {ASSIGNED, SPAN("+1234567890123456"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+9991234567890123"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+0000000000000000"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6"), "phone_length: a number has at most 15 digits; this one has 16"},
    {PLAN, SPAN("+44 2079460958 2079460958"), "phone_length: a number has at most 15 digits; this one has 22"},
    {PLAN, SPAN("+4742"), "phone_length: +47 numbers have 5 or 8 digits after +47; this one has 2"},
    {PLAN, SPAN("+86"), "phone_length: +86 numbers have 7 to 12 digits after +86; this one has none"},
    {PLAN, SPAN("+8620"), "phone_length: +86 numbers have 7 to 12 digits after +86; this one has 2"},
    {PLAN, SPAN("+35312345"),
     "phone_length: +353 numbers have 7 to 10 digits after +353; this one has 5, enough for local calls only"},

    /* Numbers that can be dialled only locally. */
    {POSSIBLE, SPAN("+15550123"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {PLAN, SPAN("+15550123"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {ASSIGNED, SPAN("+15550123"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {PLAN, SPAN("+13101234"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {ASSIGNED, SPAN("+13101234"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {PLAN, SPAN("+10123456"),
     "phone_length: +1 numbers have 10 digits after +1; this one has 7, enough for local calls only"},
    {POSSIBLE, SPAN("+442079"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 4, enough for local calls only"},
    {PLAN, SPAN("+44207946"),
     "phone_length: +44 numbers have 7, 9 or 10 digits after +44; this one has 6, enough for local calls only"},
    {PLAN, SPAN("+55551234"), "phone_length: +55 numbers have 8 to 11 digits after +55; this one has 6"},

    /* Area codes. */
    {PLAN, SPAN("+440207946095"), "phone_area_code: no number in +44 begins 0"},
    {PLAN, SPAN("+44(0)2079460958"), "phone_area_code: no number in +44 begins 0"},
    {PLAN, SPAN("+440"), "phone_area_code: no number in +44 begins 0"},
    {PLAN, SPAN("+446123456789"), "phone_area_code: no number in +44 begins 6"},
    {POSSIBLE, SPAN("+446123456789"), SAME},
    {PLAN, SPAN("+39 612345678"), "phone_area_code: no number in +39 begins 6"},
    {PLAN, SPAN("+390612345678"), SAME},
    {ASSIGNED, SPAN("+390612345678"), SAME},
    {ASSIGNED, SPAN("+39612345678"), "phone_area_code: no number in +39 begins 6"},
    {PLAN, SPAN("+39612345678"), "phone_area_code: no number in +39 begins 6"},
    {ASSIGNED, SPAN("+442099460958"), "phone_area_code: no number in +44 begins 209"},
    {ASSIGNED, SPAN("+441134960000"), SAME},
    {ASSIGNED, SPAN("+441124960000"), "phone_area_code: no number in +44 begins 112"},
    {ASSIGNED, SPAN("+447911123456"), SAME},
    {ASSIGNED, SPAN("+447912345678"), SAME},
    {ASSIGNED, SPAN("+447612345678"), "phone_area_code: no number in +44 begins 761"},
    {PLAN, SPAN("+331234567"), "phone_length: +33 numbers have 9 digits after +33; this one has 7"},
    {PLAN, SPAN("+330123456789"), "phone_area_code: no number in +33 begins 0"},
    {PLAN, SPAN("+33123456789"), SAME},
    {ASSIGNED, SPAN("+33123456789"), SAME},
    {ASSIGNED, SPAN("+33023456789"), "phone_area_code: no number in +33 begins 0"},
    {PLAN, SPAN("+47123"), "phone_area_code: no number in +47 begins 1"},
    {PLAN, SPAN("+4712345678"), "phone_area_code: no number in +47 begins 1"},
    {PLAN, SPAN("+4721234567"), SAME},
    {ASSIGNED, SPAN("+4721234567"), SAME},
    {PLAN, SPAN("+61412345678"), SAME},
    {ASSIGNED, SPAN("+61412345678"), SAME},
    {ASSIGNED, SPAN("+61012345678"), "phone_area_code: no number in +61 begins 0"},
    {PLAN, SPAN("+61012345678"), "phone_area_code: no number in +61 begins 0"},
    {ASSIGNED, SPAN("+8613812345678"), SAME},
    {ASSIGNED, SPAN("+8613012345678"), SAME},
    {ASSIGNED, SPAN("+8610123"),
     "phone_length: +86 numbers have 7 to 12 digits after +86; this one has 5, enough for local calls only"},
    {ASSIGNED, SPAN("+551155256325"), SAME},
    {ASSIGNED, SPAN("+5511961234567"), SAME},
    {ASSIGNED, SPAN("+5491123456789"), SAME},
    {ASSIGNED, SPAN("+541123456789"), SAME},
    {ASSIGNED, SPAN("+5215512345678"), "phone_area_code: no number in +52 begins 1"},
    {ASSIGNED, SPAN("+525512345678"), SAME},
    {PLAN, SPAN("+5215512345678"), "phone_area_code: no number in +52 begins 1"},
    {ASSIGNED, SPAN("+919876543210"), SAME},
    {ASSIGNED, SPAN("+911234567890"), SAME},
    {PLAN, SPAN("+911234567890"), SAME},
    {ASSIGNED, SPAN("+81312345678"), SAME},
    {ASSIGNED, SPAN("+81012345678"), "phone_area_code: no number in +81 begins 01"},
    {ASSIGNED, SPAN("+818012345678"), SAME},
    {ASSIGNED, SPAN("+79161234567"), SAME},
    {ASSIGNED, SPAN("+77012345678"), SAME},
    {ASSIGNED, SPAN("+74951234567"), SAME},
    {ASSIGNED, SPAN("+71234567890"), "phone_area_code: no number in +7 begins 1"},
    {PLAN, SPAN("+71234567890"), "phone_area_code: no number in +7 begins 1"},
    {PLAN, SPAN("+70234567890"), "phone_area_code: no number in +7 begins 0"},
    {ASSIGNED, SPAN("+37211112222"), "phone_area_code: no number in +372 begins 1"},
    {ASSIGNED, SPAN("+3725123456"), SAME},
    {ASSIGNED, SPAN("+2290195123456"), SAME},
    {ASSIGNED, SPAN("+22995123456"), "phone_area_code: no number in +229 begins 9"},
    {ASSIGNED, SPAN("+85223456789"), SAME},
    {ASSIGNED, SPAN("+6421234567"), SAME},
    {ASSIGNED, SPAN("+972501234567"), "phone_area_code: no number in +972 begins 501"},
    {ASSIGNED, SPAN("+971501234567"), SAME},
    {ASSIGNED, SPAN("+2348031234567"), SAME},
    {ASSIGNED, SPAN("+27821234567"), SAME},
    {ASSIGNED, SPAN("+254712123456"), SAME},
    {ASSIGNED, SPAN("+351912345678"), SAME},
    {ASSIGNED, SPAN("+34612345678"), SAME},
    {ASSIGNED, SPAN("+34512345678"), SAME},
    {ASSIGNED, SPAN("+48512345678"), SAME},
    {ASSIGNED, SPAN("+420601123456"), SAME},
    {ASSIGNED, SPAN("+358412345678"), SAME},
    {ASSIGNED, SPAN("+46701234567"), SAME},
    {ASSIGNED, SPAN("+4512345678"), "phone_area_code: no number in +45 begins 1"},
    {ASSIGNED, SPAN("+41781234567"), SAME},
    {ASSIGNED, SPAN("+436641234567"), SAME},
    {ASSIGNED, SPAN("+32470123456"), SAME},
    {ASSIGNED, SPAN("+31612345678"), SAME},
    {ASSIGNED, SPAN("+31012345678"), "phone_area_code: no number in +31 begins 0"},
    {ASSIGNED, SPAN("+353850123456"), SAME},
    {ASSIGNED, SPAN("+30201234567"), "phone_area_code: no number in +30 begins 20"},
    {ASSIGNED, SPAN("+302123456789"), SAME},
    {ASSIGNED, SPAN("+905012345678"), SAME},
    {ASSIGNED, SPAN("+380501234567"), SAME},
    {ASSIGNED, SPAN("+6591234567"), SAME},
    {ASSIGNED, SPAN("+62812345678"), SAME},
    {ASSIGNED, SPAN("+84912345678"), SAME},
    {ASSIGNED, SPAN("+66812345678"), SAME},
    {ASSIGNED, SPAN("+639171234567"), SAME},
    {ASSIGNED, SPAN("+60123456789"), SAME},
    {ASSIGNED, SPAN("+821023456789"), SAME},
    {ASSIGNED, SPAN("+886912345678"), SAME},
    {ASSIGNED, SPAN("+5712345678"), "phone_area_code: no number in +57 begins 12"},
    {ASSIGNED, SPAN("+573211234567"), SAME},
    {ASSIGNED, SPAN("+56221234567"), SAME},
    {ASSIGNED, SPAN("+51912345678"), SAME},
    {ASSIGNED, SPAN("+201001234567"), SAME},
    {ASSIGNED, SPAN("+212650123456"), SAME},
    {ASSIGNED, SPAN("+966512345678"), SAME},
    {ASSIGNED, SPAN("+923012345678"), SAME},
    {ASSIGNED, SPAN("+8801812345678"), SAME},
};

START_TEST(rule_holds)
{
    assert_row(&rows[_i]);
}
END_TEST

/* The config's level applies unless the field has one. */
START_TEST(level_is_the_fields_or_the_configs)
{
    char text[64 + JSON_PADDING] = "\"+14441234576\"";
    struct json_document document;
    struct json_fault fault;
    ck_assert(json_parse(field_fixture.parser, text, strlen(text), 16, &field_fixture.arena, &document, &fault));
    struct config config = {0};
    struct check check = {.config = &config, .item = &field_fixture.item, .arena = &field_fixture.arena};
    struct span normal;
    for (int of_config = POSSIBLE; of_config <= ASSIGNED; of_config++) {
        config.validation.phone = of_config;
        field_fixture.field.rules.has_phone = false;
        ck_assert_int_eq(field_phone_evaluate(&check, &field_fixture.field, &document, 0, &normal),
                         of_config != ASSIGNED);
        field_fixture.field.rules.has_phone = true;
        for (int of_field = POSSIBLE; of_field <= ASSIGNED; of_field++) {
            field_fixture.field.rules.phone = (enum phone_level)of_field;
            ck_assert_int_eq(field_phone_evaluate(&check, &field_fixture.field, &document, 0, &normal),
                             of_field != ASSIGNED);
        }
    }
}
END_TEST

#define TREE_DIGITS 6
#define TREE_NODES  1111111 /* strings of up to TREE_DIGITS digits; the ten that continue node n begin at 10 n + 1 */

/* The digits of a node after a calling code. */
static struct span tree_digits(const char *code, int node, char digits[16])
{
    size_t length = strlen(code);
    for (int above = node; above > 0; above = (above - 1) / 10)
        length++;
    const struct span whole = span_of(digits, length);
    memcpy(digits, code, strlen(code));
    for (; node > 0; node = (node - 1) / 10)
        digits[--length] = (char)('0' + (node - 1) % 10);
    return whole;
}

/* The contract's rule for the kind of error, for every number that two small calling codes could have: the length if
 * the beginning matches with another length, otherwise the area code. */
START_TEST(kind_of_fault_follows_the_rule)
{
    const char *code = _i / PHONE_LEVELS == 0 ? "290" : "247"; /* of four or five, and of five or six digits */
    const enum phone_level level = (enum phone_level)(_i % PHONE_LEVELS);
    bool *good = malloc(TREE_NODES), *leads_to_good = malloc(TREE_NODES);
    ck_assert(good && leads_to_good);
    char digits[16], message[PHONE_MESSAGE_BYTES];

    for (int node = TREE_NODES - 1; node >= 0; node--) {
        good[node] = leads_to_good[node] = phone_has_level(tree_digits(code, node, digits), level);
        for (int next = 10 * node + 1; next <= 10 * node + 10 && next < TREE_NODES; next++)
            leads_to_good[node] |= leads_to_good[next];
    }
    ck_assert(leads_to_good[0]);
    for (int node = 0; node < TREE_NODES; node++) {
        bool fits = leads_to_good[node];
        for (int above = node; above > 0; above = (above - 1) / 10)
            fits |= good[above];
        const struct span number = tree_digits(code, node, digits);
        const enum phone_fault fault = phone_fault_of(number, level, message);
        const enum phone_fault wrong = fits ? PHONE_FAULT_LENGTH : PHONE_FAULT_AREA_CODE;
        const enum phone_fault wanted = good[node] ? PHONE_FAULT_NONE : wrong;
        if (fault != wanted) /* ck_assert is slow, and the numbers are many */
            ck_abort_msg("+%.*s: %d, not %d", SPAN_FORMAT(number), fault, wanted);
    }
    free(good);
    free(leads_to_good);
}
END_TEST

START_TEST(plan_has_a_version)
{
    const char *version = phone_plan_version();
    ck_assert_uint_gt(strlen(version), 0);
    ck_assert_uint_eq(strspn(version, "0123456789."), strlen(version));
}
END_TEST

int main(void)
{
    TCase *rules = phone_case();
    tcase_add_loop_test(rules, rule_holds, 0, COUNT_OF(rows));
    tcase_add_test(rules, level_is_the_fields_or_the_configs);
    tcase_add_loop_test(rules, kind_of_fault_follows_the_rule, 0, 2 * PHONE_LEVELS);
    tcase_add_test(rules, plan_has_a_version);
    return field_fixture_run(rules, "phone plan");
}
