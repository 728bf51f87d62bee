/* json_writer: JSON text written straight to the end of an arena.
 *
 * Nothing else may be allocated from the arena between writer_open and writer_close. The caller supplies commas and
 * brackets. Output escapes are the shortest: \" \\ \b \f \n \r \t, \u00xx for other controls, and everything else as
 * UTF-8. It writes replies, records and definitions, without the heap. */
#ifndef COMMON_JSON_WRITER_H
#define COMMON_JSON_WRITER_H

#include <stdint.h>

#include "common/arena.h"
#include "common/span.h"

struct json_writer {
    struct arena *arena;
    char *to;        /* behind what is written */
    const char *end; /* of the arena */
};

static inline void writer_open(struct json_writer *writer, struct arena *arena)
{
    *writer = (struct json_writer){arena, arena->base + arena->used, arena->base + arena->capacity};
}

/* The bytes written since writer_open. */
static inline size_t writer_length(const struct json_writer *writer)
{
    return (size_t)(writer->to - writer->arena->base) - writer->arena->used;
}

/* The text written since writer_open; lives as long as the arena's bytes. */
static inline struct span writer_close(struct json_writer *writer)
{
    const struct span text = span_of(writer->arena->base + writer->arena->used, writer_length(writer));
    writer->arena->used += text.length;
    return text;
}

/* Where the caller writes `size` bytes at most, and then sets `to` to their end. */
static inline char *writer_room(struct json_writer *writer, size_t size)
{
    if (size > (size_t)(writer->end - writer->to))
        arena_fail(writer->arena, size);
    return writer->to;
}

/* Writes `text` as a JSON string to `to`, where there is room for JSON_STRING_BYTES, and returns its end there. */
#define JSON_STRING_BYTES(length) (6 * (length) + 2)
char *json_string_write(char *to, struct span text);

/* Inline, since most output is literal and is then copied in a few moves. */
static inline void writer_raw(struct json_writer *writer, struct span text)
{
    writer->to = span_copy(writer_room(writer, text.length), text);
}
#define writer_literal(writer, literal) writer_raw((writer), SPAN(literal))
/* Writes quotes and escapes. `text` must be UTF-8. */
void writer_string(struct json_writer *writer, struct span text);
void writer_integer(struct json_writer *writer, int64_t value);

/* `text` as a JSON string in the arena, quotes included. */
struct span json_string_of(struct arena *arena, struct span text);

#endif
