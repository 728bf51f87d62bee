#include "common/json_writer.h"

#include "common/byte_block.h"
#include "common/decimal.h"

#define ESCAPE_BYTES 6 /* of the longest escape, such as \u001f */
_Static_assert(JSON_STRING_BYTES(1) == ESCAPE_BYTES + 2, "room for escapes only");

static bool needs_escape(char character)
{
    return (unsigned char)character < 0x20 || character == '"' || character == '\\';
}

static byte_marks needs_escapes(byte_block bytes)
{
    return (byte_marks)((bytes < 0x20) | (bytes == '"') | (bytes == '\\'));
}

/* Writes the escape of `character`; returns its end. */
static char *escape_write(char *to, char character)
{
    static const char letters[256] = {
        ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char digits[] = "0123456789abcdef";
    const unsigned char byte = (unsigned char)character;
    *to++ = '\\';
    if (letters[byte]) {
        *to++ = letters[byte];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = digits[byte >> 4];
    to[4] = digits[byte & 15];
    return to + 5;
}

/* The bytes of `text` as a JSON string. */
static size_t written_length(struct span text)
{
    char escape[ESCAPE_BYTES];
    size_t length = 2;
    for (size_t i = 0; i < text.length; i++)
        length += needs_escape(text.at[i]) ? (size_t)(escape_write(escape, text.at[i]) - escape) : 1;
    return length;
}

/* Writes fewer bytes than a block. */
static char *short_write(char *to, struct span text)
{
    if (text.length == 0 || byte_block_mask(needs_escapes(byte_block_of_short(text))) == 0)
        return span_copy(to, text);
    for (size_t i = 0; i < text.length; i++) {
        if (needs_escape(text.at[i]))
            to = escape_write(to, text.at[i]);
        else
            *to++ = text.at[i];
    }
    return to;
}

/* Each byte of `text` becomes at least one, so a block has room even where what follows it was an escape. */
static char *escaped_write(char *to, struct span text)
{
    while (text.length >= BYTE_BLOCK) {
        const byte_block bytes = byte_block_load(text.at);
        const uint32_t escapes = byte_block_mask(needs_escapes(bytes));
        byte_block_store(to, bytes);
        if (escapes == 0) {
            to += BYTE_BLOCK;
            text = span_from(text, BYTE_BLOCK);
            continue;
        }
        const unsigned clean = (unsigned)__builtin_ctz(escapes);
        to = escape_write(to + clean, text.at[clean]);
        text = span_from(text, clean + 1);
    }
    return short_write(to, text);
}

char *json_string_write(char *to, struct span text)
{
    *to++ = '"';
    to = escaped_write(to, text);
    *to++ = '"';
    return to;
}

void writer_string(struct json_writer *writer, struct span text)
{
    size_t room = JSON_STRING_BYTES(text.length);
    if (room > (size_t)(writer->end - writer->to))
        room = written_length(text); /* a nearly full arena is asked for no more than is needed */
    writer->to = json_string_write(writer_room(writer, room), text);
}

void writer_integer(struct json_writer *writer, int64_t value)
{
    char digits[DECIMAL_BYTES];
    char *const end = digits + sizeof(digits);
    const char *const first = decimal_before(end, value);
    writer_raw(writer, span_of(first, (size_t)(end - first)));
}

struct span json_string_of(struct arena *arena, struct span text)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_string(&writer, text);
    return writer_close(&writer);
}
