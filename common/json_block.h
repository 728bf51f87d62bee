/* json_block: classes of the bytes of a JSON text, sixteen at a time. Each function gives one bit for each byte, the
 * first byte's lowest. Part of json.c. */
#ifndef COMMON_JSON_BLOCK_H
#define COMMON_JSON_BLOCK_H

#include "common/byte_block.h"

static inline byte_marks json_block_quotes(byte_block bytes)
{
    return (byte_marks)(bytes == '"') | (byte_marks)(bytes == '\\');
}

/* Quotes, backslashes and what is not printable ASCII; all bits above those of the block are set, too, so the lowest
 * one tells how many bytes before it are none of these. */
static inline uint32_t json_block_special(byte_block bytes)
{
    /* As signed numbers all bytes beyond printable ASCII, plus one, are below the printable ones, plus one. The
     * comparison is the one that the machine has. */
    typedef signed char signed_block __attribute__((vector_size(BYTE_BLOCK)));
    const byte_marks printable = (byte_marks)((signed_block)(bytes + 1) > 0x20);
    return ~byte_block_mask(printable & ~json_block_quotes(bytes));
}

/* Quotes, backslashes and controls. */
static inline uint32_t json_block_stops(byte_block bytes)
{
    return byte_block_mask(json_block_quotes(bytes) | (byte_marks)(bytes < 0x20));
}

/* What is not white space (RFC 8259, section 2). */
static inline uint32_t json_block_black(byte_block bytes)
{
    const byte_marks line = (byte_marks)(bytes == '\n') | (byte_marks)(bytes == '\r');
    return byte_block_mask(~((byte_marks)(bytes == ' ') | (byte_marks)(bytes == '\t') | line));
}

#endif
