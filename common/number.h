/* number: decimals as people and JSON write them, and the one text of each binary64 value.
 *
 * A number is accepted only if it survives the conversion to binary64: its value, read as an exact decimal, must
 * equal the decimal that is written back. The text is RFC 8785's (3.2.2.3), which is ECMAScript's Number::toString:
 * the shortest decimal that converts back to the same binary64. No heap, no locale; time is linear in the text's
 * length. */
#ifndef COMMON_NUMBER_H
#define COMMON_NUMBER_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

/* The longest is 25 bytes, like -0.0000012345678901234567. */
#define NUMBER_BYTES 32

/* The largest binary64 as number_text writes it; for messages. */
#define NUMBER_LARGEST "1.7976931348623157e+308"

struct number {
    double value; /* -0 is 0 */
    bool whole;   /* the decimal has no fraction */
    uint8_t length;
    char text[NUMBER_BYTES];
};

enum number_verdict {
    NUMBER_OK,
    NUMBER_SYNTAX,   /* not RFC 8259's number, leading zeros allowed */
    NUMBER_RANGE,    /* rounds to infinity */
    NUMBER_PRECISION /* *number, the nearest binary64, is another decimal */
};

/* Reads all of `text`. *number is set with NUMBER_OK and NUMBER_PRECISION. */
MUST_CHECK enum number_verdict number_read(struct span text, struct number *number);

/* Writes the text of a finite `value` and returns its length. Not NUL-terminated. */
size_t number_text(double value, char text[NUMBER_BYTES]);

#endif
