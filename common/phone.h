/* phone: what a telephone number in international form (ITU-T E.164) is worth, by the world's numbering plan.
 *
 * The national numbers of the world are finitely many, so the whole plan is one minimal acyclic automaton over digits,
 * compiled at build time from data/numbering-plan.txt. One walk over the digits tells whether a number is good, and, of
 * one that is not, how far it was right. `digits` below are those behind the plus: ASCII digits, nothing else. */
#ifndef COMMON_PHONE_H
#define COMMON_PHONE_H

#include <stdint.h>

#include "common/span.h"

#define PHONE_DIGITS        15  /* E.164: calling code and national number together */
#define PHONE_MESSAGE_BYTES 256 /* of phone_fault_of, NUL included */
#define PHONE_COUNTRIES     32  /* most countries that share a calling code; +1 has 25 */

/* How much a number is worth. Who has a grade has those before it. */
enum phone_grade {
    PHONE_GRADE_POSSIBLE, /* a calling code, and a length that it has, not counting lengths for local dialling only */
    PHONE_GRADE_PLAN,     /* also fits the general pattern of one of the calling code's countries */
    PHONE_GRADE_ASSIGNED  /* also in a range that is in use; what libphonenumber calls valid */
};
#define PHONE_GRADES 3

/* True if the number has the grade. */
bool phone_has_grade(struct span digits, enum phone_grade grade);

enum phone_fault {
    PHONE_FAULT_NONE,
    PHONE_FAULT_CALLING_CODE, /* begins with no calling code, or is only the beginning of one */
    PHONE_FAULT_LENGTH,   /* over PHONE_DIGITS, for local dialling only, or its beginning fits with another length */
    PHONE_FAULT_AREA_CODE /* no number begins so */
};

/* Why a number does not have a grade, with a message for people: what is wrong, a semicolon, what would be right; or
 * PHONE_FAULT_NONE and no message when it has. */
enum phone_fault phone_fault_of(struct span digits, enum phone_grade grade, char message[PHONE_MESSAGE_BYTES]);

/* The countries that a number belongs to, as ISO 3166-1 alpha-2 codes (and AC, TA, XK) ended by NUL. Returns how many;
 * 0 if it is not even possible, or of a calling code of no country, such as +800.
 *
 * A calling code that is one country's tells it. Of one that several share, the countries are those in which the number
 * is in use (a +1 800 number is in use in many); if there is none, those whose leading digits it has; else those that
 * have no leading digits and whose general pattern it fits; else all of the calling code, since nothing tells them
 * apart. */
uint32_t phone_countries(struct span digits, char countries[PHONE_COUNTRIES][3]);

/* All countries of the calling code that the digits begin with, two letters each; "" if there are none. Static. */
const char *phone_neighbours(struct span digits);

/* How many digits the calling code has that the digits begin with; 0 if they begin with none. */
size_t phone_calling_code_size(struct span digits);

/* The release of the metadata that the plan was drawn from, such as "9.0.43". */
const char *phone_plan_version(void);

#endif
