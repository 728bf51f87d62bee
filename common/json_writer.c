#include "common/json_writer.h"

#include <assert.h>

#include "common/decimal.h"

#define ESCAPE_BYTES 6 /* of the longest escape, such as \u001f */

void writer_open(struct json_writer *writer, struct arena *arena)
{
    *writer = (struct json_writer){.arena = arena, .begin = arena->used};
}

struct span writer_close(struct json_writer *writer)
{
    const struct arena *const arena = writer->arena;
    assert(arena->used >= writer->begin);
    return span_of(arena->base + writer->begin, arena->used - writer->begin);
}

static bool needs_escape(char character)
{
    return (unsigned char)character < 0x20 || character == '"' || character == '\\';
}

/* True if one of eight bytes needs an escape. A byte of x is zero if x - 1 borrows into its top bit, which must have
 * been clear; a further borrow adds false hits only above a true one. */
static bool any_needs_escape(const char *eight)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t tops = 0x8080808080808080;
    uint64_t bytes;
    memcpy(&bytes, eight, sizeof(bytes));
    const uint64_t quote = bytes ^ ones * '"';
    const uint64_t backslash = bytes ^ ones * '\\';
    const uint64_t control = (bytes - ones * 0x20) & ~bytes;
    return ((control | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & tops) != 0;
}

/* Writes the escape of `character`; returns its end. */
static char *escape_write(char *to, char character)
{
    static const char letters[256] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    const unsigned char byte = (unsigned char)character;
    *to++ = '\\';
    if (letters[byte]) {
        *to++ = letters[byte];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = digits[byte >> 4];
    to[4] = digits[byte & 15];
    return to + 5;
}

/* The bytes of `text` as a JSON string. */
static size_t written_length(struct span text)
{
    char escape[ESCAPE_BYTES];
    size_t length = 2;
    for (size_t i = 0; i < text.length; i++)
        length += needs_escape(text.at[i]) ? (size_t)(escape_write(escape, text.at[i]) - escape) : 1;
    return length;
}

void writer_string(struct json_writer *writer, struct span text)
{
    size_t room = ESCAPE_BYTES * text.length + 2;
    if (room > writer->arena->capacity - writer->arena->used)
        room = written_length(text); /* a nearly full arena is asked for no more than is needed */
    char *const begin = arena_room(writer->arena, room), *to = begin;
    const char *from = text.at;
    size_t left = text.length;
    *to++ = '"';
    while (left > 0) {
        if (left >= 8 && !any_needs_escape(from)) {
            memcpy(to, from, 8);
            to += 8;
            from += 8;
            left -= 8;
            continue;
        }
        const size_t few = left < 8 ? left : 8;
        for (size_t i = 0; i < few; i++) {
            if (needs_escape(from[i]))
                to = escape_write(to, from[i]);
            else
                *to++ = from[i];
        }
        from += few;
        left -= few;
    }
    *to++ = '"';
    writer->arena->used += (size_t)(to - begin);
}

void writer_integer(struct json_writer *writer, int64_t value)
{
    char digits[DECIMAL_BYTES];
    char *const end = digits + sizeof(digits);
    const char *const first = decimal_before(end, value);
    writer_raw(writer, span_of(first, (size_t)(end - first)));
}

struct span json_string_of(struct arena *arena, struct span text)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_string(&writer, text);
    return writer_close(&writer);
}
