/* visible: the characters that no message may hold. The list is independent of the code that writes messages. */
#ifndef TESTS_VISIBLE_H
#define TESTS_VISIBLE_H

#include "common/text.h"

/* Characters that leave no mark, or change how their neighbours look: Cc, Cf, Zs except the space, Zl, Zp, Co, and
 * Default_Ignorable_Code_Point, of Unicode 15. First and last of each range. */
static const uint32_t invisible_ranges[][2] = {
    {0x0000, 0x001f},    {0x007f, 0x00a0},   {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x0600, 0x0605},
    {0x061c, 0x061c},    {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},
    {0x115f, 0x1160},    {0x1680, 0x1680},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x2000, 0x200f},
    {0x2028, 0x202f},    {0x205f, 0x206f},   {0x2800, 0x2800},   {0x3000, 0x3000},   {0x3164, 0x3164},
    {0xd800, 0xf8ff},    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
    {0x110bd, 0x110bd},  {0x110cd, 0x110cd}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    {0xf0000, 0x10ffff},
};

/* The first invisible character of `message`, NUL as UINT32_MAX; 0 if there is none. */
static inline uint32_t invisible_in(struct span message)
{
    for (size_t at = 0, size; at < message.length; at += size) {
        const uint32_t code_point = text_code_point(message, at, &size);
        if (code_point >= 0x20 && code_point < 0x7f)
            continue;
        for (size_t i = 0; i < sizeof(invisible_ranges) / sizeof(invisible_ranges[0]); i++)
            if (code_point >= invisible_ranges[i][0] && code_point <= invisible_ranges[i][1])
                return code_point == 0 ? UINT32_MAX : code_point;
    }
    return 0;
}

/* True if `message` repeats more than 64 bytes of `value` in one piece. */
static inline bool repeats_too_much(struct span message, struct span value)
{
    enum { TOO_MUCH = 64 + sizeof("\"\"") }; /* quote marks may surround it in both */
    for (size_t i = 0; value.length > 0 && i + TOO_MUCH <= message.length; i++)
        if (memmem(value.at, value.length, message.at + i, TOO_MUCH))
            return true;
    return false;
}

#endif
