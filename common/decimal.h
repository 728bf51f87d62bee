/* decimal: integers as decimal digits, without the costs of snprintf. */
#ifndef COMMON_DECIMAL_H
#define COMMON_DECIMAL_H

#include <stdint.h>

#define DECIMAL_BYTES 20 /* of the longest: -9223372036854775808 */

/* Writes `value` so that it ends before `end`, without a NUL; returns its first byte. */
char *decimal_before(char *end, int64_t value);

#endif
