/* quote: values and names in messages: short, on one line, and without invisible characters. All messages use it, so
 * that two different texts never look the same. */
#ifndef COMMON_QUOTE_H
#define COMMON_QUOTE_H

#include <stdint.h>

#include "common/arena.h"
#include "common/span.h"

#define QUOTE_BYTES    64                    /* of a value, at most */
#define QUOTE_SIZE     (QUOTE_BYTES * 8 + 6) /* with every byte a <U+0000>, the quotes, "..." and a final NUL */
#define CHARACTER_SIZE 24 /* of character_write: a character, its quotes, its number and a final NUL */

/* False for characters that leave no mark of their own: controls, format characters, white space other than U+0020,
 * line and paragraph separators, Default_Ignorable_Code_Point (UAX #44: variation selectors, fillers), U+2800,
 * private use and noncharacters. */
bool character_is_visible(uint32_t code_point);

/* Writes at most QUOTE_BYTES bytes of `value` in double quotes, cut at a character and followed by "..." if cut.
 * Invisible characters come out as <U+200B>, and so does a combining mark at the beginning, which would join the
 * quote. Bytes that are not UTF-8 come out as U+FFFD. */
void quote_write(struct span value, char quote[QUOTE_SIZE]);

/* The same in the arena. */
const char *quote_new(struct span value, struct arena *arena);

/* The same without the quotes, for a name that people chose: the key of a field or an option. */
void quote_write_name(struct span name, char quote[QUOTE_SIZE]);

/* The first character of `text`, which is not empty: "x" in quotes; "é" (U+00E9) beyond ASCII, where many letters
 * look alike; only U+200B for an invisible one. A byte that is not UTF-8 is called "the byte 0xFF". */
void character_write(struct span text, char character[CHARACTER_SIZE]);

/* True if `bytes` are UTF-8 (RFC 3629). */
bool text_is_utf8(struct span bytes);

/* Makes UTF-8 of any text: if it is not UTF-8, its bytes beyond ASCII become '?'. */
void text_make_utf8(char *text);

#endif
