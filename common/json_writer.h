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
    size_t begin; /* arena->used when it was opened */
};

void writer_open(struct json_writer *writer, struct arena *arena);
/* The text written since writer_open; lives as long as the arena's bytes. */
struct span writer_close(struct json_writer *writer);

/* Inline, since most output is literal and is then copied in a few moves. */
static inline void writer_raw(struct json_writer *writer, struct span text)
{
    char *const to = arena_room(writer->arena, text.length);
    if (text.length > 0)
        memcpy(to, text.at, text.length);
    writer->arena->used += text.length;
}
#define writer_literal(writer, literal) writer_raw((writer), SPAN(literal))
/* Writes quotes and escapes. `text` must be UTF-8. */
void writer_string(struct json_writer *writer, struct span text);
void writer_integer(struct json_writer *writer, int64_t value);

/* `text` as a JSON string in the arena, quotes included. */
struct span json_string_of(struct arena *arena, struct span text);

#endif
