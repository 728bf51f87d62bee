#include "common/json_string.h"

#include <string.h>

#define NO_CODE_UNIT UINT32_MAX

static bool is_special(char character)
{
    return character == '\\' || (unsigned char)character >= 0x7f;
}

typedef unsigned char block __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* All bits set in the bytes that are special. */
static inline halves special_marks(const char *at)
{
    block bytes;
    memcpy(&bytes, at, sizeof(bytes));
    return (halves)((bytes == '\\') | (bytes >= 0x7f));
}

static inline bool any_marked(halves marks)
{
    return (marks[0] | marks[1]) != 0;
}

uint32_t json_string_special(const char *text, uint32_t from, uint32_t length)
{
    const size_t size = sizeof(block);
    for (; from < length; from += 4 * size) {
        const char *const at = text + from;
        if (any_marked(special_marks(at) | special_marks(at + size) | special_marks(at + 2 * size) |
                       special_marks(at + 3 * size)))
            break;
    }
    while (from < length && !any_marked(special_marks(text + from)))
        from += size;
    while (from < length && !is_special(text[from]))
        from++;
    return from < length ? from : UINT32_MAX;
}

static bool is_control(char character)
{
    return (unsigned char)character < 0x20;
}

static bool is_printable(const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (at[i] < 0x20 || at[i] > 0x7e)
            return false;
    }
    return true;
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
static enum json_fault_code unicode_escape_decode(const char **from, char **to)
{
    uint32_t code_point = code_unit_read(*from + 2);
    if (code_point == NO_CODE_UNIT)
        return JSON_SYNTAX;
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
        const char *const second = *from + 6;
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

/* Decodes the escapes from *at, the first one, to `end`. Sets *at to the new end or, if it returns a fault, to the
 * faulty escape. */
static enum json_fault_code escapes_decode(char **at, const char *end)
{
    static const char meaning[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const char *from = *at;
    char *to = *at;
    while (from < end) {
        const unsigned char letter = (unsigned char)from[1];
        enum json_fault_code code = JSON_OK;
        if (meaning[letter]) {
            *to++ = meaning[letter];
            from += 2;
        } else if (letter == 'u') {
            code = unicode_escape_decode(&from, &to);
        } else {
            code = JSON_SYNTAX;
        }
        if (code != JSON_OK) {
            *at += from - *at;
            return code;
        }
        const char *const next = memchr(from, '\\', (size_t)(end - from));
        const size_t run = (size_t)((next ? next : end) - from);
        memmove(to, from, run);
        from += run;
        to += run;
    }
    *at = to;
    return JSON_OK;
}

enum json_fault_code json_string_decode(char *begin, char *end, uint32_t *length, uint8_t *flags, const char **fault_at)
{
    char *const escape = memchr(begin, '\\', (size_t)(end - begin));
    char *decoded_end = end;
    if (escape) {
        decoded_end = escape;
        const enum json_fault_code code = escapes_decode(&decoded_end, end);
        if (code != JSON_OK) {
            *fault_at = decoded_end;
            return code;
        }
    }
    *length = (uint32_t)(decoded_end - begin);
    *flags = (escape ? 0 : JSON_PLAIN) | (is_printable(begin, *length) ? JSON_ASCII : 0);
    return JSON_OK;
}

size_t json_string_broken(const char *text, size_t length, size_t *opening)
{
    bool inside = false;
    *opening = length;
    for (size_t at = 0; at < length; at++) {
        if (inside && is_control(text[at]))
            return at;
        if (text[at] == '\\' && at + 1 < length) {
            if (inside && !is_printable(text + at + 1, 1))
                return at;
            at++;
        } else if (text[at] == '"') {
            inside = !inside;
            *opening = at;
        }
    }
    return length;
}
