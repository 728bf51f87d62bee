#include "worker/validate/definitions_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/number.h"

#define MESSAGE_BYTES 1024 /* the longest quote and the longest list of alternatives just fit */

/* Removes a character at the end of the text that was cut in the middle. */
static void end_at_character(char *text)
{
    size_t length = strlen(text);
    size_t at = length;
    while (at > 0 && ((unsigned char)text[at - 1] & 0xc0) == 0x80)
        at--;
    if (at == 0)
        return;
    unsigned char lead = (unsigned char)text[at - 1];
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length - (at - 1) < size)
        text[at - 1] = '\0';
}

size_t reader_enter(struct definitions_reader *reader, struct span name)
{
    size_t where = strlen(reader->path);
    snprintf(reader->path + where, sizeof(reader->path) - where, "/%.*s", SPAN_FORMAT(name));
    end_at_character(reader->path);
    return where;
}

size_t reader_enter_index(struct definitions_reader *reader, size_t index)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%zu", index);
    return reader_enter(reader, span_of_text(digits));
}

void reader_leave(struct definitions_reader *reader, size_t where)
{
    reader->path[where] = '\0';
}

static void list_fault(struct definitions_reader *reader, const char *message)
{
    struct definitions_fault *fault = malloc(sizeof(*fault) + strlen(message) + 1);
    if (!fault)
        return;
    fault->next = NULL;
    memcpy(fault->path, reader->path, sizeof(fault->path));
    strcpy(fault->message, message);
    if (reader->last)
        reader->last->next = fault;
    else
        reader->first = fault;
    reader->last = fault;
}

bool reader_fault(struct definitions_reader *reader, const char *format, ...)
{
    reader->failed = true;
    if (reader->faults++ >= FAULTS_LISTED)
        return false;
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    end_at_character(message);
    list_fault(reader, message);
    return false;
}

void reader_end_faults(struct definitions_reader *reader)
{
    char message[64];
    if (reader->faults <= FAULTS_LISTED)
        return;
    const uint32_t further = reader->faults - FAULTS_LISTED;
    snprintf(message, sizeof(message), "%u further error%s not listed", (unsigned)further,
             further == 1 ? " is" : "s are");
    list_fault(reader, message);
}

const char *reader_list(struct definitions_reader *reader, const struct choices *choices, char text[READER_LIST_BYTES])
{
    if (reader->lists++ >= READER_LISTS) {
        reader->compared = CHOICES_WORK; /* no further comparisons */
        return strcpy(text, ", must be a known one");
    }
    char *end = stpcpy(text, choices->count > 1 ? ", must be one of " : ", must be ");
    choices_write(choices, CHOICES_LISTED, ", ", true, end);
    return text;
}

enum json_type reader_type(const struct definitions_reader *reader, uint32_t node)
{
    return node == 0 ? NODE_NULL : (enum json_type)reader->document.nodes[node].type;
}

uint32_t reader_member(const struct definitions_reader *reader, uint32_t object, const char *name)
{
    return json_member(&reader->document, object, span_of_text(name));
}

bool reader_number(const struct definitions_reader *reader, uint32_t node, double *number)
{
    struct number read;
    if (reader_type(reader, node) != NODE_NUMBER)
        return false;
    enum number_verdict verdict = number_read(json_text(&reader->document, node), &read);
    if (verdict != NUMBER_OK && verdict != NUMBER_PRECISION)
        return false;
    *number = read.value;
    return true;
}

uint32_t reader_count(const struct definitions_reader *reader, uint32_t node)
{
    enum json_type type = reader_type(reader, node);
    uint32_t count = 0;
    if (type != NODE_ARRAY && type != NODE_OBJECT)
        return 0;
    const struct json_node *nodes = reader->document.nodes;
    for (uint32_t child = node + 1; child < nodes[node].next; child = nodes[child].next)
        count++;
    return count;
}
