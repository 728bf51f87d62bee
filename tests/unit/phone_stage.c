#include "tests/unit/phone_stage.h"

#include "common/phone.h"

struct field_fixture field_fixture;

static void set_up(void)
{
    field_fixture_open(&field_fixture, "phoneNumber");
}

static void reset_rules(void)
{
    field_fixture.field.rules = (struct rules){.has_phone = true, .phone = PLAN};
}

static void tear_down(void)
{
    field_fixture_close(&field_fixture);
}

TCase *phone_case(void)
{
    TCase *rules = tcase_create("phone");
    tcase_set_timeout(rules, 60);
    tcase_add_unchecked_fixture(rules, set_up, tear_down);
    tcase_add_checked_fixture(rules, reset_rules, NULL);
    return rules;
}

const char *outcome_of(struct span given)
{
    const char *outcome = field_fixture_string(&field_fixture, given);
    if (field_fixture_accepted(&field_fixture))
        return outcome;
    ck_assert_uint_eq(field_fixture.item.violation_count, 1);
    const struct span message = field_fixture.item.violations->message;
    return field_fixture_text(&field_fixture,
                              arena_format(&field_fixture.arena, "%s: %.*s", outcome, SPAN_FORMAT(message)));
}

const char *assert_outcome(struct span given, const char *expected)
{
    const char *outcome = outcome_of(given);
    const char *wanted = expected == SAME ? given.at : expected;
    const size_t length = strlen(wanted);
    const bool any_message = strcmp(wanted, STRAY_CODE) == 0 && outcome[length] == ':';
    const bool begins =
        strncmp(outcome, wanted, length) == 0 && (outcome[length] == '\0' || outcome[length] == ';' || any_message);
    ck_assert_msg(begins, "\"%.*s\" gives %s, not %s", given.length < 64 ? (int)given.length : 64, given.at, outcome,
                  wanted);
    return outcome;
}

void assert_settled(enum phone_level level, const char *outcome)
{
    if (!field_fixture_accepted(&field_fixture))
        return;
    char number[PHONE_DIGITS + 2];
    ck_assert_uint_lt(strlen(outcome), sizeof(number));
    strcpy(number, outcome);
    ck_assert_int_eq(number[0], '+');
    ck_assert_uint_eq(strspn(number + 1, "0123456789"), strlen(number + 1));
    for (int lower = POSSIBLE; lower <= (int)level; lower++) {
        field_fixture.field.rules.phone = (enum phone_level)lower;
        assert_outcome(span_of_text(number), SAME);
    }
}

void assert_row(const struct phone_row *row)
{
    field_fixture.field.rules.phone = row->level;
    assert_settled(row->level, assert_outcome(row->given, row->expected));
}
