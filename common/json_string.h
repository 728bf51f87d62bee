/* json_string: the content of a JSON string (RFC 8259, section 7). Part of json.c. */
#ifndef COMMON_JSON_STRING_H
#define COMMON_JSON_STRING_H

#include <stdint.h>

#include "common/json.h"
#include "common/json_block.h"

/* The number of bytes from `at` on before the first that is a quote, a backslash or not printable ASCII. Such a byte
 * must follow, with JSON_PADDING readable bytes behind it. Most strings end in their first block. */
size_t json_string_plain_from(const char *at, size_t length);
static inline size_t json_string_plain(const char *at)
{
    const size_t length = (size_t)__builtin_ctz(json_block_special(byte_block_load(at)));
    return length < BYTE_BLOCK ? length : json_string_plain_from(at, length);
}

/* The number of bytes from `at` on before the first that is no white space. What follows is as above. */
static inline size_t json_string_white_space(const char *at)
{
    for (size_t length = 0;; length += BYTE_BLOCK) {
        const uint32_t black = json_block_black(byte_block_load(at + length));
        if (black)
            return length + (size_t)__builtin_ctz(black);
    }
}

/* All flags of a string without escapes and of printable ASCII only. */
#define JSON_STRING_FLAGS (JSON_PLAIN | JSON_ASCII | JSON_LINES | JSON_SHORTEST)

/* Decodes the rest of a string in place, from a byte of its content on. A NUL must stand behind the text, and
 * JSON_PADDING readable bytes behind that. Returns
 *   JSON_OK                       *from is the closing quote, and *to the end of the decoded content. Of *flags, those
 *                                 that do not apply to the rest are cleared
 *   JSON_SYNTAX, JSON_SURROGATE   *from is the faulty escape, the raw control or the end of the text
 *   JSON_UTF8                     the string is not UTF-8
 * What is before *from may have changed. */
enum json_fault_code json_string_decode(char **from, char **to, uint8_t *flags);

/* The closing quote of a string, from a byte of its content on that is not within an escape. If the string has none,
 * the place where it is broken: a backslash before something that is not printable ASCII, a raw control, or `text_end`.
 * What is behind `text_end` is as above. */
const char *json_string_end(const char *at, const char *text_end);

#endif
