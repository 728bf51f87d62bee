#include "common/json_string.h"

#include <string.h>
#include <unistr.h>

#include "common/json_block.h"

#define NO_CODE_UNIT UINT32_MAX

size_t json_string_plain_from(const char *at, size_t length)
{
    size_t run;
    do {
        run = (size_t)__builtin_ctz(json_block_special(byte_block_load(at + length)));
        length += run;
    } while (run == BYTE_BLOCK);
    return length;
}

/* The UTF-16 code unit of four hexadecimal digits, or NO_CODE_UNIT. A quote is not a digit, so a string that ends
 * early is detected. */
static uint32_t code_unit_read(const char *at)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        const char digit = at[i];
        unit <<= 4;
        if (digit >= '0' && digit <= '9')
            unit |= (uint32_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            unit |= (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return NO_CODE_UNIT;
    }
    return unit;
}

/* Writes UTF-8 (RFC 3629) and returns its end. Never longer than the escape. */
static char *code_point_write(char *to, uint32_t code_point)
{
    if (code_point < 0x80) {
        *to++ = (char)code_point;
    } else if (code_point < 0x800) {
        *to++ = (char)(0xc0 | code_point >> 6);
        *to++ = (char)(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        *to++ = (char)(0xe0 | code_point >> 12);
        *to++ = (char)(0x80 | (code_point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code_point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code_point >> 18);
        *to++ = (char)(0x80 | (code_point >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code_point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code_point & 0x3f));
    }
    return to;
}

/* Decodes "\uXXXX", or a surrogate pair of two, at *from, and moves *from and *to past it. If it returns a fault,
 * *from is at the faulty escape. */
static enum json_fault_code unicode_escape_decode(char **from, char **to)
{
    uint32_t code_point = code_unit_read(*from + 2);
    if (code_point == NO_CODE_UNIT)
        return JSON_SYNTAX;
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
        char *const second = *from + 6;
        if (code_point >= 0xdc00 || second[0] != '\\' || second[1] != 'u')
            return JSON_SURROGATE;
        const uint32_t low = code_unit_read(second + 2);
        if (low == NO_CODE_UNIT) {
            *from = second;
            return JSON_SYNTAX;
        }
        if (low < 0xdc00 || low > 0xdfff)
            return JSON_SURROGATE;
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
        *from = second;
    }
    *from += 6;
    *to = code_point_write(*to, code_point);
    return JSON_OK;
}

/* What a backslash and a letter stand for, and the flags that a string with them may have; none: that is no escape. */
struct escape {
    char meaning;
    uint8_t flags;
};
static const struct escape escapes[256] = {
    ['"'] = {'"', JSON_SHORTEST | JSON_ASCII | JSON_LINES},
    ['\\'] = {'\\', JSON_SHORTEST | JSON_ASCII | JSON_LINES},
    ['/'] = {'/', JSON_ASCII | JSON_LINES},
    ['b'] = {'\b', JSON_SHORTEST},
    ['f'] = {'\f', JSON_SHORTEST},
    ['n'] = {'\n', JSON_SHORTEST | JSON_LINES},
    ['r'] = {'\r', JSON_SHORTEST},
    ['t'] = {'\t', JSON_SHORTEST | JSON_LINES},
};

/* The same for an escape of a code point that begins with `byte`. */
static uint8_t unicode_escape_flags(char byte)
{
    if (byte >= 0x20 && byte <= 0x7e)
        return JSON_ASCII | JSON_LINES;
    return byte == '\n' || byte == '\t' ? JSON_LINES : 0;
}

/* The number of bytes from `at` on before the first quote, backslash or control. */
static inline size_t run_length(const char *at)
{
    for (size_t length = 0;; length += BYTE_BLOCK) {
        const uint32_t stops = json_block_stops(byte_block_load(at + length));
        if (stops)
            return length + (size_t)__builtin_ctz(stops);
    }
}

enum json_fault_code json_string_decode(char **from, char **to, uint8_t *flags)
{
    char *at = *from, *end = *to;
    enum json_fault_code code = JSON_OK;
    while (code == JSON_OK) {
        size_t run = json_string_plain(at);
        if ((unsigned char)at[run] >= 0x7f) {
            run += run_length(at + run);
            /* No character of UTF-8 holds a byte of another one, so a run has whole characters. */
            if (u8_check((const uint8_t *)at, run))
                return JSON_UTF8;
            *flags &= ~(JSON_ASCII | JSON_LINES);
        }
        if (end != at)
            memmove(end, at, run);
        at += run;
        end += run;
        if (*at == '"')
            break;
        const struct escape *const escape = &escapes[(unsigned char)at[1]];
        if (*at != '\\') {
            code = JSON_SYNTAX;
        } else if (escape->flags) {
            *end++ = escape->meaning;
            *flags &= escape->flags;
            at += 2;
        } else if (at[1] == 'u') {
            const char *const written = end;
            code = unicode_escape_decode(&at, &end);
            *flags &= unicode_escape_flags(*written);
        } else {
            code = JSON_SYNTAX;
        }
    }
    *from = at;
    *to = end;
    return code;
}

const char *json_string_end(const char *at, const char *text_end)
{
    const char *wrong = NULL;
    for (;; at += 2) {
        at += run_length(at);
        if (*at == '"')
            return at;
        if (*at == '\\' && (unsigned char)at[1] >= 0x7f && !wrong)
            wrong = at;
        const bool is_escape = *at == '\\' && (unsigned char)at[1] >= 0x20;
        if (is_escape)
            continue;
        if (wrong)
            return wrong;
        return *at == '\\' && at + 1 == text_end ? text_end : at;
    }
}
