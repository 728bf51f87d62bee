#include "worker/definitions/json_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/quote.h"

static json_t *made(json_t *value)
{
    if (!value)
        abort();
    return value;
}

json_t *json_line_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    text_make_utf8(copy);
    json_t *string = made(json_string(copy));
    free(copy);
    return string;
}

json_t *json_line_pack(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_t *value = json_vpack_ex(NULL, 0, format, arguments);
    va_end(arguments);
    return made(value);
}

void json_line_print(json_t *value)
{
    if (json_dumpf(value, stdout, JSON_COMPACT) != 0 && !ferror(stdout))
        abort();
    putchar('\n');
    json_decref(value);
}
