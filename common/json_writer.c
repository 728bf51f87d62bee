#include "common/json_writer.h"

#include <assert.h>

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

/* arena_copy, but inlined where there is room; without room it is arena_copy that says so. */
static inline void writer_put(struct json_writer *writer, const char *at, size_t length)
{
    struct arena *const arena = writer->arena;
    if (length > arena->capacity - arena->used) {
        arena_copy(arena, span_of(at, length));
        return;
    }
    if (length > 0)
        memcpy(arena->base + arena->used, at, length);
    arena->used += length;
}

void writer_raw(struct json_writer *writer, struct span text)
{
    writer_put(writer, text.at, text.length);
}

static bool needs_escape(char character)
{
    return (unsigned char)character < 0x20 || character == '"' || character == '\\';
}

/* True if one of eight bytes needs an escape. A byte of x is zero if x - 1 borrows into its top bit, which it must not
 * have had before; borrowing on can add false marks only above a true one. */
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

/* The index of the first byte from `from` on that needs an escape; text.length if there is none. */
static size_t escape_find(struct span text, size_t from)
{
    while (text.length - from >= 8 && !any_needs_escape(text.at + from))
        from += 8;
    while (from < text.length && !needs_escape(text.at[from]))
        from++;
    return from;
}

static void writer_escape(struct json_writer *writer, char character)
{
    static const char letters[256] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    const unsigned char byte = (unsigned char)character;
    if (letters[byte]) {
        const char escape[2] = {'\\', letters[byte]};
        writer_put(writer, escape, sizeof(escape));
    } else {
        const char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        writer_put(writer, escape, sizeof(escape));
    }
}

void writer_string(struct json_writer *writer, struct span text)
{
    writer_put(writer, "\"", 1);
    for (size_t from = 0; from < text.length;) {
        const size_t escape = escape_find(text, from);
        writer_put(writer, text.at + from, escape - from);
        if (escape < text.length)
            writer_escape(writer, text.at[escape]);
        from = escape + 1;
    }
    writer_put(writer, "\"", 1);
}

void writer_integer(struct json_writer *writer, int64_t value)
{
    char digits[sizeof("-9223372036854775808") - 1];
    char *const end = digits + sizeof(digits);
    char *first = end;
    /* The smallest int64_t has no positive counterpart. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--first = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--first = '-';
    writer_put(writer, first, (size_t)(end - first));
}

struct span json_string_of(struct arena *arena, struct span text)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_string(&writer, text);
    return writer_close(&writer);
}
