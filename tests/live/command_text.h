/* command_text: pieces for the values and headers of commands. A piece that does not fit is a mistake in these
 * tests, and ends the program. */
#ifndef TESTS_LIVE_COMMAND_TEXT_H
#define TESTS_LIVE_COMMAND_TEXT_H

#include "tests/live/commands.h"

/* For "%llu". */
unsigned long long number_of(uint64_t index);

/* Appends to the value. */
void append(struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The required members, with names that need normalizing; no braces. */
void append_person(struct command *command, uint64_t index, const char *email);

/* A comma and the member customFields, valid by definitions.json, in one of several shapes. */
void append_custom_fields(struct command *command, uint64_t index);

/* A complete, valid command with its ids inside. */
void append_plain(struct command *command, const char *workspace, uint64_t id, uint64_t person, const char *email);

/* An object with `depth` containers open at once. */
void append_nested(struct command *command, int depth);

void add_header_bytes(struct command *command, const char *name, const void *bytes, size_t length);
void add_header(struct command *command, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
