#include "worker/letters/letter_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "common/quote.h"

#define HEX_COLUMNS 16
#define REPLACEMENT "\xEF\xBF\xBD"

/* The bytes of the character at the beginning of `text`, and the character; 1 and -1 for a byte that is not UTF-8. */
static size_t character_of(struct span text, int32_t *character)
{
    ucs4_t found;
    const int size = u8_mbtoucr(&found, (const uint8_t *)text.at, text.length);
    *character = size > 0 ? (int32_t)found : -1;
    return size > 0 ? (size_t)size : 1;
}

static void print_character(struct span character, int32_t code_point, FILE *out)
{
    if (code_point < 0)
        fprintf(out, "<0x%02X>", (unsigned char)character.at[0]);
    else if (!character_is_visible((uint32_t)code_point))
        fprintf(out, "<U+%04X>", (unsigned)code_point);
    else
        fwrite(character.at, 1, character.length, out);
}

void letter_text_print(struct span text, size_t most, FILE *out)
{
    size_t printed = 0;
    while (text.length > 0) {
        int32_t code_point;
        const size_t size = character_of(text, &code_point);
        if (printed + size > most) {
            fputs("...", out);
            return;
        }
        print_character(span_of(text.at, size), code_point, out);
        printed += size;
        text = span_from(text, size);
    }
}

void letter_text_print_lines(struct span text, const char *indent, FILE *out)
{
    fputs(indent, out);
    while (text.length > 0) {
        int32_t code_point;
        const size_t size = character_of(text, &code_point);
        print_character(span_of(text.at, size), code_point, out);
        text = span_from(text, size);
        if (code_point == '\n' && text.length > 0)
            fprintf(out, "\n%s", indent);
    }
    putc('\n', out);
}

void letter_text_print_hex(struct span bytes, FILE *out)
{
    for (size_t line = 0; line < bytes.length; line += HEX_COLUMNS) {
        const size_t count = bytes.length - line < HEX_COLUMNS ? bytes.length - line : HEX_COLUMNS;
        fprintf(out, "%08zx ", line);
        for (size_t i = 0; i < HEX_COLUMNS; i++) {
            if (i < count)
                fprintf(out, " %02x", (unsigned char)bytes.at[line + i]);
            else
                fputs("   ", out);
        }
        fputs("  ", out);
        for (size_t i = 0; i < count; i++) {
            const char byte = bytes.at[line + i];
            putc(byte >= 0x20 && byte < 0x7f ? byte : '.', out);
        }
        putc('\n', out);
    }
}

static json_t *made(json_t *value)
{
    if (!value)
        abort();
    return value;
}

json_t *letter_text_json(struct span text, size_t most)
{
    if (!text.at)
        return made(json_null());
    const size_t kept = text.length < most ? text.length : most;
    char *copy = malloc(kept * strlen(REPLACEMENT) + sizeof("..."));
    size_t length = 0, taken = 0;
    if (!copy)
        abort();
    while (taken < text.length) {
        int32_t code_point;
        const size_t size = character_of(span_from(text, taken), &code_point);
        if (taken + size > most)
            break;
        const struct span shown = code_point < 0 ? SPAN(REPLACEMENT) : span_of(text.at + taken, size);
        memcpy(copy + length, shown.at, shown.length);
        length += shown.length;
        taken += size;
    }
    if (taken < text.length) {
        memcpy(copy + length, "...", 3);
        length += 3;
    }
    json_t *string = made(json_stringn(copy, length));
    free(copy);
    return string;
}

static char *base64_new(struct span bytes, size_t *length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc(bytes.length / 3 * 4 + 5), *to = text;
    if (!text)
        abort();
    for (size_t i = 0; i < bytes.length; i += 3) {
        const size_t left = bytes.length - i;
        const unsigned char *const at = (const unsigned char *)bytes.at + i;
        const unsigned group = (unsigned)at[0] << 16 | (left > 1 ? (unsigned)at[1] << 8 : 0) | (left > 2 ? at[2] : 0);
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = left > 1 ? digits[group >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[group & 63] : '=';
    }
    *length = (size_t)(to - text);
    return text;
}

static void set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, made(value)) != 0)
        abort();
}

void letter_text_json_bytes(json_t *object, const char *name, struct span bytes)
{
    char *binary_name = NULL;
    size_t length;
    if (!bytes.at) {
        set(object, name, json_null());
        return;
    }
    if (text_is_utf8(bytes)) {
        set(object, name, json_stringn(bytes.at, bytes.length));
        return;
    }
    if (asprintf(&binary_name, "%sBase64", name) < 0)
        abort();
    char *text = base64_new(bytes, &length);
    set(object, binary_name, json_stringn(text, length));
    free(text);
    free(binary_name);
}
