/* The path of a check, and the violations that are reported on it. */
#include "worker/validate/check.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_BYTES 1024
#define PATH_BYTES    (CHECK_PATH_DEPTH * (2 * PATH_TOKEN_BYTES + 1))

/* RFC 6901: "~" is written "~0" and "/" "~1". Returns the end, or NULL if the token is too long. */
static char *append_token(char *to, const struct check *check, const struct check_step *step)
{
    const struct span name = step->node != 0 ? json_name(&check->item->document, step->node) : step->name;
    if (!name.at)
        return to + sprintf(to, "/%u", (unsigned)step->index);
    if (name.length > PATH_TOKEN_BYTES)
        return NULL;
    *to++ = '/';
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.at[i];
        if (byte == '~' || byte == '/') {
            *to++ = '~';
            byte = byte == '~' ? '0' : '1';
        }
        *to++ = byte;
    }
    return to;
}

static size_t path_write(const struct check *check, char path[PATH_BYTES])
{
    char *end = path;
    for (uint32_t i = 0; i < check->depth; i++) {
        char *next = append_token(end, check, &check->path[i]);
        if (!next)
            break;
        end = next;
    }
    return (size_t)(end - path);
}

/* Adds the violation to the item's list. Returns false if the list would grow beyond its limits. */
static bool violation_list(struct check *check, enum error code, struct span path, struct span message)
{
    struct item *item = check->item;
    if (item->violation_listed == VIOLATIONS_LISTED ||
        item->violation_bytes + path.length + message.length > VIOLATION_BYTES)
        return false;
    struct violation *violation = arena_alloc(check->arena, sizeof(*violation));
    *violation = (struct violation){
        .code = code, .path = arena_copy(check->arena, path), .message = arena_copy(check->arena, message)};
    if (item->last_violation)
        item->last_violation->next = violation;
    else
        item->violations = violation;
    item->last_violation = violation;
    item->violation_listed++;
    item->violation_bytes += path.length + message.length;
    return true;
}

/* A message that is too long ends at the last character that fits. */
static int message_cut(const char *message, int length)
{
    if (length < MESSAGE_BYTES)
        return length;
    length = MESSAGE_BYTES - 1;
    while (length > 0 && ((unsigned char)message[length - 1] & 0xc0) == 0x80)
        length--;
    return length > 0 && ((unsigned char)message[length - 1] & 0x80) ? length - 1 : length;
}

bool check_fail(struct check *check, enum error code, const char *format, ...)
{
    assert(error_row(code)->scope == ERROR_SCOPE_VALUE);
    struct item *item = check->item;
    item->violation_count++;
    if (item->violations_full)
        return false;

    char path[PATH_BYTES], message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    assert(length >= 0);
    length = message_cut(message, length);
    struct span where = span_of(path, path_write(check, path));
    item->violations_full = !violation_list(check, code, where, span_of(message, (size_t)length));
    return false;
}

bool check_fail_type(struct check *check, const char *expected, enum json_type found)
{
    static const char *const names[] = {
        [NODE_NULL] = "null",       [NODE_FALSE] = "false",    [NODE_TRUE] = "true",       [NODE_NUMBER] = "a number",
        [NODE_STRING] = "a string", [NODE_ARRAY] = "an array", [NODE_OBJECT] = "an object"};
    return check_fail(check, ERROR_TYPE_MISMATCH, "must be %s, not %s", expected, names[found]);
}

bool check_fail_required(struct check *check)
{
    return check_fail(check, ERROR_REQUIRED, "must not be missing or blank");
}

const char *quote_of(struct check *check, struct span value)
{
    if (check->item->violations_full)
        return "";
    return quote_new(value, check->arena);
}

const char *name_of(struct check *check, struct span name)
{
    char quote[QUOTE_SIZE];
    if (check->item->violations_full)
        return "";
    quote_write_name(name, quote);
    return arena_copy(check->arena, span_of(quote, strlen(quote) + 1)).at;
}

const char *character_of(struct check *check, struct span text)
{
    char character[CHARACTER_SIZE];
    if (check->item->violations_full)
        return "";
    character_write(text, character);
    return arena_copy(check->arena, span_of(character, strlen(character) + 1)).at;
}
