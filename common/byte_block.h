/* byte_block: sixteen bytes at a time, for questions about every byte of a text.
 *
 * The compiler turns its vector types into the machine's instructions. Only byte_block_mask, which no operator
 * expresses, is written twice: for SSE2, which every x86-64 has, and for other machines. */
#ifndef COMMON_BYTE_BLOCK_H
#define COMMON_BYTE_BLOCK_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/span.h"

#define BYTE_BLOCK 16 /* bytes */

/* Comparisons give `byte_marks`: all bits of a byte are set where the comparison holds, none elsewhere. Use
 * expressions such as (byte_marks)(bytes < 0x20). */
typedef unsigned char byte_block __attribute__((vector_size(BYTE_BLOCK)));
typedef byte_block byte_marks;

static inline byte_block byte_block_load(const char *at)
{
    byte_block bytes;
    memcpy(&bytes, at, sizeof(bytes));
    return bytes;
}

static inline void byte_block_store(char *to, byte_block bytes)
{
    memcpy(to, &bytes, sizeof(bytes));
}

/* Bit i is set if byte i is marked; for any machine. */
static inline uint32_t byte_block_mask_portable(byte_marks marks)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < BYTE_BLOCK; i++)
        mask |= (uint32_t)(marks[i] >> 7) << i;
    return mask;
}

/* The same, in one instruction where the machine has it. */
static inline uint32_t byte_block_mask(byte_marks marks)
{
#ifdef __SSE2__
    return (uint32_t)_mm_movemask_epi8((__m128i)marks);
#else
    return byte_block_mask_portable(marks);
#endif
}

/* A block of nothing but bytes of `text`, which has 1 to 16: all of them, some twice and not in their order. It reads
 * nothing beyond the text. */
static inline byte_block byte_block_of_short(struct span text)
{
    uint64_t parts[2] = {0, 0};
    if (text.length >= 8) {
        memcpy(&parts[0], text.at, 8);
        memcpy(&parts[1], text.at + text.length - 8, 8);
    } else if (text.length >= 4) {
        uint32_t first, last;
        memcpy(&first, text.at, 4);
        memcpy(&last, text.at + text.length - 4, 4);
        parts[0] = parts[1] = (uint64_t)first << 32 | last;
    } else {
        const unsigned char *const bytes = (const unsigned char *)text.at;
        const uint64_t three =
            bytes[0] | (uint64_t)bytes[text.length / 2] << 8 | (uint64_t)bytes[text.length - 1] << 16;
        parts[0] = parts[1] = three | three << 24 | three << 48;
    }
    byte_block bytes;
    memcpy(&bytes, parts, sizeof(bytes));
    return bytes;
}

/* True if `marks_of` marks any byte of `text`. */
static inline __attribute__((always_inline)) bool byte_block_any(struct span text,
                                                                 byte_marks (*marks_of)(byte_block bytes))
{
    if (text.length == 0)
        return false;
    if (text.length < BYTE_BLOCK)
        return byte_block_mask(marks_of(byte_block_of_short(text))) != 0;
    const char *const last = text.at + text.length - BYTE_BLOCK;
    for (const char *at = text.at; at < last; at += BYTE_BLOCK)
        if (byte_block_mask(marks_of(byte_block_load(at))) != 0)
            return true;
    return byte_block_mask(marks_of(byte_block_load(last))) != 0;
}

#endif
