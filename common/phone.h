/* phone: checks telephone numbers in international form (ITU-T E.164) against the world's numbering plan.
 *
 * The national numbers of the world are finitely many, so the whole plan is one minimal acyclic automaton over
 * digits. It is compiled at build time from data/numbering-plan.txt. One walk over the digits tells whether a number
 * is valid, and otherwise where it stops matching. `digits` below are the ASCII digits after the plus. */
#ifndef COMMON_PHONE_H
#define COMMON_PHONE_H

#include <stdint.h>

#include "common/span.h"

#define PHONE_DIGITS        15  /* E.164: calling code and national number together */
#define PHONE_MESSAGE_BYTES 256 /* of phone_fault_of, NUL included */
#define PHONE_COUNTRIES     32  /* most countries that share a calling code; +1 has 25 */

/* Validation levels; each implies the ones before it. */
enum phone_level {
    PHONE_POSSIBLE, /* a calling code, and a length that it has, not counting lengths for local dialling only */
    PHONE_PLAN,     /* also matches the general pattern of one of the calling code's countries */
    PHONE_ASSIGNED  /* also in a range that is in use; libphonenumber calls this valid */
};
#define PHONE_LEVELS 3

/* True if the number has the level. */
bool phone_has_level(struct span digits, enum phone_level level);

enum phone_fault {
    PHONE_FAULT_NONE,
    PHONE_FAULT_CALLING_CODE, /* begins with no calling code, or is only the beginning of one */
    PHONE_FAULT_LENGTH,   /* over PHONE_DIGITS, for local dialling only, or its beginning matches with another length */
    PHONE_FAULT_AREA_CODE /* no number begins with these digits */
};

/* The reason why a number does not have a level, and a message for people: what is wrong, a semicolon, what would be
 * right. PHONE_FAULT_NONE and no message if it has the level. */
enum phone_fault phone_fault_of(struct span digits, enum phone_level level, char message[PHONE_MESSAGE_BYTES]);

/* The countries that a number belongs to, as ISO 3166-1 alpha-2 codes (and AC, TA, XK) with a NUL. Returns how many;
 * 0 if the number is not even possible, or has a calling code of no country, such as +800.
 *
 * A calling code of one country decides alone. If several countries share it, the result is the first of these that
 * is not empty: the countries where the number is in use (a +1 800 number is in use in many); those whose leading
 * digits match; those without leading digits whose general pattern matches; all of the calling code. */
uint32_t phone_countries(struct span digits, char countries[PHONE_COUNTRIES][3]);

/* All countries of the calling code at the beginning of the digits, two letters each; "" if there are none. Static. */
const char *phone_neighbours(struct span digits);

/* The number of digits of the calling code at the beginning of the digits; 0 if there is none. */
size_t phone_calling_code_size(struct span digits);

/* The release of the metadata that the plan comes from, such as "9.0.43". */
const char *phone_plan_version(void);

#endif
