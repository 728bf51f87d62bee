/* text: Unicode text for the field rules. Input is valid UTF-8, which the JSON parser has checked. White space is
 * Unicode's White_Space property; controls are C0, DEL and C1 (so U+0085 is both). */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdint.h>

#include "common/arena.h"
#include "common/ascii.h"
#include "common/span.h"

/* Code points in `text`. */
size_t text_length(struct span text);

/* True if every byte is 0x20 to 0x7e. */
bool text_is_printable_ascii(struct span text);

/* Decodes the code point at `at` (< text.length) and sets *size to its bytes, 1 to 4. */
uint32_t text_code_point(struct span text, size_t at, size_t *size);

/* Unicode White_Space (UAX #44): TAB, LF, VT, FF, CR, U+0020, U+0085, U+00A0, U+1680, U+2000-200A, 2028, 2029, 202F,
 * 205F, 3000. */
bool text_is_white_space(uint32_t code_point);

/* `text` without White_Space at both ends; a part of it. Most texts have none there, which is seen here. */
struct span text_trim_ends(struct span text);
static inline struct span text_trim(struct span text)
{
    if (text.length > 0 && ascii_is_visible(text.at[0]) && ascii_is_visible(text.at[text.length - 1]))
        return text;
    return text_trim_ends(text);
}

/* True if there is nothing but White_Space. Most texts begin with something else, which is seen here. */
bool text_is_white_space_only(struct span text);
static inline bool text_is_blank(struct span text)
{
    return !(text.length > 0 && ascii_is_visible(text.at[0])) && text_is_white_space_only(text);
}

/* True if there is anything but White_Space, Default_Ignorable_Code_Point (UAX #44) and U+2800, a Braille pattern
 * without dots. */
bool text_can_be_seen(struct span text);

/* The first control character that is not in `allowed` (a string of ASCII controls, "" for none), or 0. NUL itself is
 * reported as UINT32_MAX so that 0 can mean none. */
uint32_t text_find_control(struct span text, const char *allowed);

/* Normalization form C (UAX #15). `text` itself if a quick check shows that it is in that form, otherwise new bytes
 * in the arena. */
struct span text_compose(struct span text, struct arena *arena);

/* CR LF and CR become LF. `text` itself if there is no CR, otherwise new bytes in the arena. */
struct span text_unify_line_ends(struct span text, struct arena *arena);

/* Runs of White_Space become one space, and outer ones are removed. `text` itself or a part of it if nothing inside
 * changes, otherwise new bytes in the arena. */
struct span text_collapse_white_space(struct span text, struct arena *arena);

/* True if any byte is a capital ASCII letter. */
bool text_has_ascii_capitals(struct span text);

/* ASCII letters become lower (upper) case; other bytes stay. New bytes in the arena. */
struct span text_ascii_lower(struct span text, struct arena *arena);
struct span text_ascii_upper(struct span text, struct arena *arena);

#endif
