#include "common/text.h"

#include <unictype.h>

#include "common/byte_block.h"

#define BRAILLE_BLANK 0x2800

/* Bytes of the UTF-8 character that begins with `lead`. */
static size_t sequence_length(unsigned char lead)
{
    if (lead < 0xC0)
        return 1;
    if (lead < 0xE0)
        return 2;
    return lead < 0xF0 ? 3 : 4;
}

size_t text_length(struct span text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++)
        length += ((unsigned char)text.at[i] & 0xC0) != 0x80;
    return length;
}

static byte_marks not_printable(byte_block bytes)
{
    return (byte_marks)((bytes < 0x20) | (bytes > 0x7E));
}

/* The first bytes of all controls, and of U+00A0 to U+00BF. */
static byte_marks begins_control(byte_block bytes)
{
    return (byte_marks)((bytes < 0x20) | (bytes == 0x7F) | (bytes == 0xC2));
}

bool text_is_printable_ascii(struct span text)
{
    return !byte_block_any(text, not_printable);
}

uint32_t text_code_point(struct span text, size_t at, size_t *size)
{
    const unsigned char *byte = (const unsigned char *)text.at + at;
    *size = sequence_length(byte[0]);
    switch (*size) {
    case 1:
        return byte[0];
    case 2:
        return (byte[0] & 0x1Fu) << 6 | (byte[1] & 0x3Fu);
    case 3:
        return (byte[0] & 0x0Fu) << 12 | (byte[1] & 0x3Fu) << 6 | (byte[2] & 0x3Fu);
    default:
        return (byte[0] & 0x07u) << 18 | (byte[1] & 0x3Fu) << 12 | (byte[2] & 0x3Fu) << 6 | (byte[3] & 0x3Fu);
    }
}

bool text_is_white_space(uint32_t code_point)
{
    if (code_point <= 0x20)
        return code_point == 0x20 || (code_point >= 0x09 && code_point <= 0x0D);
    if (code_point < 0x1680)
        return code_point == 0x85 || code_point == 0xA0;
    if (code_point < 0x2000)
        return code_point == 0x1680;
    return code_point <= 0x200A || code_point == 0x2028 || code_point == 0x2029 || code_point == 0x202F ||
           code_point == 0x205F || code_point == 0x3000;
}

struct span text_trim_ends(struct span text)
{
    size_t begin = 0, end = text.length, size;
    while (begin < end && text_is_white_space(text_code_point(text, begin, &size)))
        begin += size;
    while (end > begin) {
        size_t last = end - 1;
        while (((unsigned char)text.at[last] & 0xC0) == 0x80)
            last--;
        if (!text_is_white_space(text_code_point(text, last, &size)))
            break;
        end = last;
    }
    return span_of(text.at + begin, end - begin);
}

bool text_is_white_space_only(struct span text)
{
    for (size_t i = 0, size; i < text.length; i += size)
        if (!text_is_white_space(text_code_point(text, i, &size)))
            return false;
    return true;
}

bool text_can_be_seen(struct span text)
{
    for (size_t i = 0, size; i < text.length; i += size) {
        const uint32_t code_point = text_code_point(text, i, &size);
        if (!text_is_white_space(code_point) && !uc_is_property_default_ignorable_code_point(code_point) &&
            code_point != BRAILLE_BLANK)
            return true;
    }
    return false;
}

uint32_t text_find_control(struct span text, const char *allowed)
{
    if (!byte_block_any(text, begins_control))
        return 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte >= 0x20 && byte != 0x7F && byte != 0xC2)
            continue;
        if (byte == 0xC2) { /* U+0080 to U+00BF, whose first half are the C1 controls */
            unsigned char next = (unsigned char)text.at[i + 1];
            if (next < 0xA0)
                return next;
        } else if (byte == 0) {
            return UINT32_MAX;
        } else if (!strchr(allowed, byte)) {
            return byte;
        }
    }
    return 0;
}

struct span text_unify_line_ends(struct span text, struct arena *arena)
{
    const char *first = text.length > 0 ? memchr(text.at, '\r', text.length) : NULL;
    if (!first)
        return text;
    struct span unified = arena_copy(arena, text);
    char *to = (char *)unified.at;
    size_t length = (size_t)(first - text.at);
    for (size_t i = length; i < text.length; i++) {
        if (text.at[i] != '\r')
            to[length++] = text.at[i];
        else if (i + 1 == text.length || text.at[i + 1] != '\n')
            to[length++] = '\n';
    }
    return span_of(unified.at, length);
}

/* True if all white space in `text` is single U+0020. */
static bool white_space_is_single(struct span text)
{
    bool after_space = false;
    for (size_t i = 0, size; i < text.length; i += size) {
        uint32_t code_point = text_code_point(text, i, &size);
        bool space = text_is_white_space(code_point);
        if (space && (after_space || code_point != ' '))
            return false;
        after_space = space;
    }
    return true;
}

struct span text_collapse_white_space(struct span text, struct arena *arena)
{
    text = text_trim(text);
    if (white_space_is_single(text))
        return text;
    struct span collapsed = arena_copy(arena, text);
    char *to = (char *)collapsed.at;
    size_t length = 0;
    bool after_space = false;
    for (size_t i = 0, size; i < text.length; i += size) {
        bool space = text_is_white_space(text_code_point(text, i, &size));
        if (!space) {
            memcpy(to + length, text.at + i, size);
            length += size;
        } else if (!after_space) {
            to[length++] = ' ';
        }
        after_space = space;
    }
    return span_of(collapsed.at, length);
}

static byte_marks is_capital(byte_block bytes)
{
    return (byte_marks)((bytes >= 'A') & (bytes <= 'Z'));
}

bool text_has_ascii_capitals(struct span text)
{
    return byte_block_any(text, is_capital);
}

/* Changes the case of the ASCII letters from `first` to `last`. */
static struct span change_case(struct span text, unsigned char first, unsigned char last, struct arena *arena)
{
    struct span changed = arena_copy(arena, text);
    char *to = (char *)changed.at, *const end = to + changed.length;
    for (; end - to >= BYTE_BLOCK; to += BYTE_BLOCK) {
        const byte_block bytes = byte_block_load(to);
        const byte_marks letters = (byte_marks)((bytes >= first) & (bytes <= last));
        byte_block_store(to, bytes ^ (letters & 0x20));
    }
    for (; to < end; to++)
        if ((unsigned char)*to >= first && (unsigned char)*to <= last)
            *to ^= 0x20;
    return changed;
}

struct span text_ascii_lower(struct span text, struct arena *arena)
{
    return change_case(text, 'A', 'Z', arena);
}

struct span text_ascii_upper(struct span text, struct arena *arena)
{
    return change_case(text, 'a', 'z', arena);
}
