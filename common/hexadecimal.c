#include "common/hexadecimal.h"

#include <string.h>

#include "common/byte_block.h"

_Static_assert(HEXADECIMAL_BYTES == BYTE_BLOCK, "a block holds them");

/* The digits of 16 numbers below 16. */
static inline byte_block digits_of(byte_block numbers)
{
    const byte_block letters = (byte_marks)(numbers > 9) & ('a' - '9' - 1);
    return numbers + '0' + letters;
}

void hexadecimal_write(const unsigned char bytes[HEXADECIMAL_BYTES], char digits[HEXADECIMAL_DIGITS])
{
    const byte_block all = byte_block_load((const char *)bytes);
    const byte_block high = digits_of(all >> 4), low = digits_of(all & 15);
    /* Alternately; the index of a byte of `low` is 16 more. */
    const byte_block both[] = {
        __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
    };
    memcpy(digits, both, sizeof(both));
}
