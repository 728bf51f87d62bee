/* phone_stage: numbers, and what the phone rule makes of them: the number in E.164, or a code and its message. What
 * depends on the numbering plan holds for the release that common/data/numbering-plan.txt names. */
#ifndef TESTS_PHONE_STAGE_H
#define TESTS_PHONE_STAGE_H

#include "tests/unit/field_fixture.h"

#define POSSIBLE PHONE_POSSIBLE
#define PLAN     PHONE_PLAN
#define ASSIGNED PHONE_ASSIGNED

#define SAME       NULL              /* accepted unchanged */
#define STRAY_CODE "phone_character" /* any message */
#define PLUS       "phone_plus: must begin with + and the country calling code, as in +12025550123"

#define COUNT_OF(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

struct phone_row {
    enum phone_level level;
    struct span given;
    const char *expected;
};

/* Of type phoneNumber. Each test of phone_case begins with the level PLAN and all countries. */
extern struct field_fixture field_fixture;

TCase *phone_case(void);

/* The number, or "code: message". Lives until the next evaluation. */
const char *outcome_of(struct span given);

/* Expects this outcome, SAME, or STRAY_CODE with any message. Behind an expected message a correction may follow after
 * a semicolon; those have rows of their own. Returns outcome_of. */
const char *assert_outcome(struct span given, const char *expected);

/* Expects that an accepted value, which is the outcome of the last evaluation, is E.164, and is accepted again
 * unchanged, also at the lower levels. */
void assert_settled(enum phone_level level, const char *outcome);

/* Both, at the level of the row. */
void assert_row(const struct phone_row *row);

#endif
