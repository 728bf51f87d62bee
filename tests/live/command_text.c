#include "tests/live/command_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void append(struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    command->length +=
        (size_t)vsnprintf(command->value + command->length, COMMAND_BYTES - command->length, format, arguments);
    va_end(arguments);
    if (command->length >= COMMAND_BYTES)
        abort();
}

void add_header_bytes(struct command *command, const char *name, const void *bytes, size_t length)
{
    struct command_header *header = &command->headers[command->header_count++];
    if (command->header_count > COMMAND_HEADERS || length > sizeof(header->value))
        abort();
    snprintf(header->name, sizeof(header->name), "%s", name);
    memcpy(header->value, bytes, length);
    header->length = length;
}

void add_header(struct command *command, const char *name, const char *format, ...)
{
    char text[160];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    add_header_bytes(command, name, text, (size_t)length);
}

unsigned long long number_of(uint64_t index)
{
    return (unsigned long long)index;
}

void append_person(struct command *command, uint64_t index, const char *email)
{
    static const char *const names[] = {"Ada", "Grace", "Zo\u00eb", "  Edsger ", "\\u0410\\u043d\\u043d\\u0430"};
    append(command, "\"givenName\":\"%s\",\"familyName\":\"Lovelace  %llu\",\"email\":\"%s\"", names[index % 5],
           number_of(index), email);
}

void append_custom_fields(struct command *command, uint64_t index)
{
    static const char *const phones[] = {"+14441234576", "+44 20 7946 0018", "+1 (212) 555-0100", "+49.30.123456"};
    append(command, ",\"customFields\":{\"phoneNumber\":\"%s\"", phones[index % 4]);
    if (index % 2)
        append(command, ",\"services\":[\"fileSharing\",\"metrics\",\"fileSharing\"]");
    if (index % 3)
        append(command, ",\"pronouns\":\"She\\/Her\\r\\nHers %llu\"", number_of(index));
    if (index % 3 == 0)
        append(command, ",\"seats\":%llu.50,\"site\":\"HTTPS://Example.COM:443/a/../%llu\"", number_of(index % 100),
               number_of(index));
    if (index % 4 == 0)
        append(command,
               ",\"address\":{\"country\":\"us\",\"region\":\"NY\",\"postalCode\":\"10001\",\"city\":\"New York\","
               "\"addressLine1\":\"%llu Broadway\",\"fullAddress\":\"%llu Broadway\\nNew York\"}",
               number_of(index), number_of(index));
    if (index % 4 == 1)
        append(command, ",\"address\":\"Unter den Linden %llu, Berlin\"", number_of(index));
    append(command, "}");
}

/* A command of kind PLAIN. Commands that refer to an earlier one use its id, its email, or all of it. */
void append_plain(struct command *command, const char *workspace, uint64_t id, uint64_t person, const char *email)
{
    append(command, "{\"commandId\":\"command-%llu\",\"workspaceId\":\"%s\",", number_of(id), workspace);
    append_person(command, person, email);
    if (person % 2)
        append(command, ",\"sendInvite\":true");
    if (person % 7 == 0)
        append(command, ",\"companyIds\":[\"company-%llu\",\"company-0\"]", number_of(person % 50 + 1));
    append_custom_fields(command, person);
    append(command, "}");
}

void append_nested(struct command *command, int depth)
{
    append(command, "{\"customFields\":");
    for (int i = 1; i < depth; i++)
        append(command, "[");
    for (int i = 1; i < depth; i++)
        append(command, "]");
    append(command, "}");
}
