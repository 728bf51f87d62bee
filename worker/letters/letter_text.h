/* letter_text: bytes of a letter for people and programs. A letter may hold anything, also what a terminal obeys or no
 * text at all. */
#ifndef WORKER_LETTERS_LETTER_TEXT_H
#define WORKER_LETTERS_LETTER_TEXT_H

#include <jansson.h>
#include <stdio.h>

#include "common/must_check.h"
#include "common/span.h"

/* Prints at most `most` bytes of `text`, cut at a character and followed by "..." if cut. Invisible characters come out
 * as <U+001B>, bytes that are not UTF-8 as <0xFF>. */
void letter_text_print(struct span text, size_t most, FILE *out);

/* The same for a text of several lines: a line end comes out as <U+000A>, and the next line begins after `indent`. */
void letter_text_print_lines(struct span text, const char *indent, FILE *out);

/* Prints 16 bytes a line: the offset, the bytes in hexadecimal, and those that are printable ASCII. */
void letter_text_print_hex(struct span bytes, FILE *out);

/* At most `most` bytes of `text` as a string, cut like letter_text_print; bytes that are not UTF-8 become U+FFFD. null
 * if text.at is NULL. Ends the program when out of memory. */
MUST_CHECK json_t *letter_text_json(struct span text, size_t most);

/* Sets the member `name` of `object` to `bytes` as a string if they are UTF-8, else the member `name`Base64. null if
 * bytes.at is NULL. Ends the program when out of memory. */
void letter_text_json_bytes(json_t *object, const char *name, struct span bytes);

#endif
