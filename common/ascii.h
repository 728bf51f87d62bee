/* ascii: classes of ASCII bytes. Those of <ctype.h> depend on the locale and have no answer for negative values. */
#ifndef COMMON_ASCII_H
#define COMMON_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Neither white space nor a control. */
static inline bool ascii_is_visible(char byte)
{
    return byte > ' ' && byte < 0x7f;
}

#endif
