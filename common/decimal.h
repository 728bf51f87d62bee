/* decimal: integers as decimal digits, without the costs of snprintf. */
#ifndef COMMON_DECIMAL_H
#define COMMON_DECIMAL_H

#include <stdint.h>
#include <string.h>

#define DECIMAL_BYTES 20 /* of the longest: -9223372036854775808 */

/* "00" to "99", one after the other. */
extern const char decimal_pairs[201];

/* Writes both digits of `value`, which is below 100. */
static inline void decimal_pair(char *to, unsigned value)
{
    memcpy(to, decimal_pairs + (size_t)2 * value, 2);
}

/* Writes `value` so that it ends before `end`, without a NUL; returns its first byte. */
char *decimal_before(char *end, int64_t value);

#endif
