#include "common/decimal.h"

const char decimal_pairs[201] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";

char *decimal_before(char *end, int64_t value)
{
    const char *const behind = end;
    /* The smallest int64_t has no positive counterpart. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    while (rest >= 10) {
        end -= 2;
        decimal_pair(end, (unsigned)(rest % 100));
        rest /= 100;
    }
    if (rest > 0 || end == behind)
        *--end = (char)('0' + rest);
    if (value < 0)
        *--end = '-';
    return end;
}
