/* letter_cause: what the messages of many letters have in common. */
#ifndef WORKER_LETTERS_LETTER_CAUSE_H
#define WORKER_LETTERS_LETTER_CAUSE_H

#include "common/span.h"

#define LETTER_CAUSE_BYTES 256 /* at most */

/* Writes the message without its numbers and its quoted values, and returns the number of bytes: "#" stands for a
 * number, and "..." in double quotes for a value. A value ends at a quote that is followed by the end of the message,
 * by white space or by punctuation. A longer cause is cut at a character. */
size_t letter_cause_write(struct span message, char cause[LETTER_CAUSE_BYTES]);

#endif
