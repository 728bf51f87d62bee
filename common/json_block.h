/* json_block: classifies the bytes of a JSON text 16 at a time, with the compiler's vectors. Part of json.c. */
#ifndef COMMON_JSON_BLOCK_H
#define COMMON_JSON_BLOCK_H

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_BLOCK 16

typedef unsigned char json_block __attribute__((vector_size(JSON_BLOCK)));
typedef signed char json_signed_block __attribute__((vector_size(JSON_BLOCK)));

static inline json_block json_block_at(const char *at)
{
    json_block bytes;
    memcpy(&bytes, at, sizeof(bytes));
    return bytes;
}

/* One bit for each byte, the first byte's lowest: its top bit. A comparison sets all bits of a byte for which it is
 * true. */
static inline unsigned json_block_bits(json_block bytes)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8((__m128i)bytes);
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < JSON_BLOCK; i++)
        bits |= (unsigned)bytes[i] >> 7 << i;
    return bits;
#endif
}

/* Quotes, backslashes and what is not printable ASCII. */
static inline unsigned json_block_special(json_block bytes)
{
    /* As signed numbers all bytes beyond printable ASCII, plus one, are below the printable ones, plus one. */
    const json_block low = (json_block)((json_signed_block)(bytes + 1) < 0x21);
    return json_block_bits((json_block)(bytes == '"') | (json_block)(bytes == '\\') | low);
}

/* Quotes, backslashes and controls. */
static inline unsigned json_block_stops(json_block bytes)
{
    return json_block_bits((json_block)(bytes == '"') | (json_block)(bytes == '\\') | (json_block)(bytes < 0x20));
}

/* What is not white space (RFC 8259, section 2). */
static inline unsigned json_block_black(json_block bytes)
{
    const json_block line = (json_block)(bytes == '\n') | (json_block)(bytes == '\r');
    return json_block_bits((json_block)(bytes == ' ') | (json_block)(bytes == '\t') | line) ^ 0xffff;
}

/* What is beyond printable ASCII. */
static inline unsigned json_block_beyond(json_block bytes)
{
    return json_block_bits((json_block)(bytes >= 0x7f));
}

#endif
