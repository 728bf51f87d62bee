/* case_file: one case of the pipeline as a text file, tests/cases/AREA/NAME.case.
 *
 * The text before the first section describes the case. A line "=== NAME ARGUMENT" begins a section:
 *
 *   settings             lines "section.key=value"; default: none
 *   definitions          the workspace's; default: tests/cases/definitions.json. "definitions none": it has none
 *   headers              lines "name: value" of the message, in order; a name without a colon has a null value
 *   key                  of the message; default: none
 *   timestamp            milliseconds since 1970; default: 0
 *   command              the value, without the last line feed. "command escaped": with escapes, see below.
 *                        "command null": none
 *   reply                the whole reply; white space between JSON's tokens does not count
 *   reply headers        all headers of the reply, in the form of headers
 *   created              lines, each of which the reply of an accepted command contains
 *   created without      lines, none of which it contains
 *   rejected CODE        the reply's code; lines "PATH CODE" or "PATH CODE: MESSAGE", all violations in order;
 *                        "..." as the last line: and more
 *
 * Escapes, also in headers and the key: \xNN a byte, \n \r \t, \\, and \repeat N{{TEXT}} the text N times, in which \#
 * is the number of the repetition. */
#ifndef TESTS_CASE_FILE_H
#define TESTS_CASE_FILE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/arena.h"

#define CASE_SECTIONS 16

struct case_section {
    struct span name, argument, body; /* the body ends with its last line feed */
};

struct case_file {
    struct case_section sections[CASE_SECTIONS];
    unsigned count;
};

static inline struct span read_whole(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size_t length = (size_t)ftell(file);
    rewind(file);
    char *bytes = arena_alloc(arena, length + 1);
    ck_assert_uint_eq(fread(bytes, 1, length, file), length);
    fclose(file);
    return span_of(bytes, length);
}

/* Removes the first line of *text and returns it in *line without its line feed; false if there is none. */
static inline bool take_line(struct span *text, struct span *line)
{
    if (text->length == 0)
        return false;
    const char *feed = memchr(text->at, '\n', text->length);
    size_t length = feed ? (size_t)(feed - text->at) : text->length;
    *line = span_of(text->at, length);
    *text = span_from(*text, feed ? length + 1 : length);
    return true;
}

/* Splits at the first `separator`. *after is empty if there is none. */
static inline struct span split(struct span text, const char *separator, struct span *after)
{
    const char *at = memmem(text.at, text.length, separator, strlen(separator));
    size_t length = at ? (size_t)(at - text.at) : text.length;
    *after = at ? span_from(text, length + strlen(separator)) : span_of(text.at + text.length, 0);
    return span_of(text.at, length);
}

static inline struct case_file case_file_parse(struct span text)
{
    struct case_file file = {.count = 0};
    struct span line;
    while (take_line(&text, &line)) {
        if (span_begins_with(line, SPAN("=== "))) {
            ck_assert_uint_lt(file.count, CASE_SECTIONS);
            struct case_section *section = &file.sections[file.count++];
            section->name = split(span_from(line, 4), " ", &section->argument);
            section->body = span_of(text.at, 0);
        } else if (file.count > 0) {
            struct span *body = &file.sections[file.count - 1].body;
            body->length = (size_t)(text.at - body->at);
        }
    }
    return file;
}

/* The section, or NULL. An argument of NULL matches any. */
static inline const struct case_section *case_section(const struct case_file *file, const char *name,
                                                      const char *argument)
{
    for (unsigned i = 0; i < file->count; i++) {
        const struct case_section *section = &file->sections[i];
        if (span_equal(section->name, span_of_text(name)) &&
            (!argument || span_equal(section->argument, span_of_text(argument))))
            return section;
    }
    return NULL;
}

/* Appends to a text at the arena's end. Nothing else may be allocated meanwhile. */
static inline void put(struct arena *arena, struct span *text, const char *at, size_t length)
{
    text->length += arena_copy(arena, span_of(at, length)).length;
}

static void unescape_into(struct arena *arena, struct span *text, struct span from, unsigned long repetition)
{
    while (from.length > 0) {
        if (from.at[0] != '\\') {
            put(arena, text, from.at, 1);
            from = span_from(from, 1);
            continue;
        }
        ck_assert_uint_ge(from.length, 2);
        char letter = from.at[1];
        from = span_from(from, 2);
        if (letter == 'x') {
            char digits[3] = {from.at[0], from.at[1], '\0'};
            char byte = (char)strtoul(digits, NULL, 16);
            put(arena, text, &byte, 1);
            from = span_from(from, 2);
        } else if (letter == '#') {
            char number[24];
            put(arena, text, number, (size_t)snprintf(number, sizeof(number), "%lu", repetition));
        } else if (letter == 'r' && span_begins_with(from, SPAN("epeat "))) {
            unsigned long times = strtoul(from.at + 6, NULL, 10);
            struct span body;
            split(from, "{{", &body);
            body = split(body, "}}", &from);
            for (unsigned long i = 0; i < times; i++)
                unescape_into(arena, text, body, i);
        } else {
            static const char letters[] = "nrt\\", bytes[] = "\n\r\t\\";
            const char *found = strchr(letters, letter);
            ck_assert_msg(found != NULL, "\\%c is no escape", letter);
            put(arena, text, &bytes[found - letters], 1);
        }
    }
}

static inline struct span unescape(struct arena *arena, struct span from)
{
    struct span text = {arena->base + arena->used, 0};
    unescape_into(arena, &text, from, 0);
    return text;
}

/* The JSON text without white space between its tokens. */
static inline struct span compact(struct arena *arena, struct span json)
{
    struct span text = {arena->base + arena->used, 0};
    bool inside = false;
    for (size_t i = 0; i < json.length; i++) {
        char byte = json.at[i];
        if (!inside && (byte == ' ' || byte == '\n'))
            continue;
        if (byte == '"')
            inside = !inside;
        else if (inside && byte == '\\')
            put(arena, &text, &json.at[i++], 1);
        put(arena, &text, &json.at[i], 1);
    }
    return text;
}

#endif
