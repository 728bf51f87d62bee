#include "worker/validate/malformed.h"

#include <strings.h>
#include <unistr.h>

#include "common/quote.h"
#include "worker/model/batch.h"

#define RIGHT        ", must be a JSON object in UTF-8"
#define HEADER_BYTES 5 /* of Confluent's serializers: a magic byte of 0, and the schema's number, big-endian */

/* The beginnings of values in other formats; the first row that matches counts. */
static const struct {
    struct span begin;
    const char *name;
} formats[] = {
    {{"\xef\xbb\xbf", 3}, "a UTF-8 byte-order mark"},
    {{"\xff\xfe\0\0", 4}, "a UTF-32 byte-order mark"},
    {{"\0\0\xfe\xff", 4}, "a UTF-32 byte-order mark"},
    {{"\xff\xfe", 2}, "a UTF-16 byte-order mark"},
    {{"\xfe\xff", 2}, "a UTF-16 byte-order mark"},
    {{"{\0", 2}, "UTF-16 text"},
    {{"\0{", 2}, "UTF-16 text"},
    {{"\x1f\x8b", 2}, "gzip data"},
    {{"\x28\xb5\x2f\xfd", 4}, "Zstandard (zstd) data"},
    {{"\x04\x22\x4d\x18", 4}, "LZ4 data"},
    {{"\x82SNAPPY", 7}, "Snappy data"},
    {{"\xff\x06\0\0sNaPpY", 10}, "Snappy data"},
    {{"PK\x03\x04", 4}, "a ZIP archive"},
    {{"BZh", 3}, "bzip2 data"},
    {{"Obj\x01", 4}, "an Avro file"},
    {{"PAR1", 4}, "a Parquet file"},
    {{"\xc3\x01", 2}, "an Avro record (single-object encoding)"},
    {{"\xac\xed\0\x05", 4}, "a serialized Java object"},
    {{"<", 1}, "XML or HTML"},
    {{"%7B", 3}, "percent-encoded text"},
    {{"%7b", 3}, "percent-encoded text"},
    {{"---", 3}, "YAML"},
};

/* ---- The beginning ---- */

/* Reads a Protobuf varint and removes it. */
static bool take_varint(struct span *rest, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && rest->length > 0; shift += 7) {
        const unsigned char byte = (unsigned char)rest->at[0];
        *rest = span_from(*rest, 1);
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* True if the whole consists of fields in Protobuf's wire format, the first with a number below 16. */
static bool is_protobuf(struct span rest)
{
    uint64_t tag, length;
    if (rest.length < 2 || (unsigned char)rest.at[0] >= 0x80)
        return false;
    while (rest.length > 0) {
        if (!take_varint(&rest, &tag) || tag >> 3 == 0)
            return false;
        switch (tag & 7) {
        case 0:
            if (!take_varint(&rest, &length))
                return false;
            continue;
        case 1:
            length = 8;
            break;
        case 2:
            if (!take_varint(&rest, &length))
                return false;
            break;
        case 5:
            length = 4;
            break;
        default:
            return false;
        }
        if (length > rest.length)
            return false;
        rest = span_from(rest, length);
    }
    return true;
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* True for a byte that no text contains. */
static bool is_binary_byte(char byte)
{
    return (unsigned char)byte < 0x20 && !is_space(byte);
}

static struct span schema_message(struct span value, struct arena *arena)
{
    const unsigned char *id = (const unsigned char *)value.at + 1;
    const unsigned number = (unsigned)id[0] << 24 | (unsigned)id[1] << 16 | (unsigned)id[2] << 8 | id[3];
    if (value.length > HEADER_BYTES && value.at[HEADER_BYTES] == '{')
        return arena_format(arena,
                            "the value begins at byte 0 with a schema registry's header (magic byte 0, schema %u), "
                            "must be the JSON behind it alone",
                            number);
    return arena_format(arena,
                        "the value begins at byte 0 with a schema registry's header (magic byte 0, schema %u), as of "
                        "Avro or Protobuf" RIGHT,
                        number);
}

/* The message for a value that begins like another format, or an empty span. */
static struct span beginning_message(struct span value, struct arena *arena)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (span_begins_with(value, formats[i].begin))
            return arena_format(arena, "the value begins at byte 0 with %s%s", formats[i].name,
                                i == 0 ? ", must be a JSON object without one" : RIGHT);
    if (value.at[0] == '\0' && value.length >= HEADER_BYTES)
        return schema_message(value, arena);
    const bool is_binary = is_binary_byte(value.at[0]) || (value.length > 1 && is_binary_byte(value.at[1]));
    if ((is_binary || (unsigned char)value.at[0] < 0x20) && is_protobuf(value))
        return SPAN("the value looks like Protobuf from byte 0 on" RIGHT);
    if (is_binary)
        return arena_format(arena,
                            "the value begins at byte 0 with binary data (0x%02X 0x%02X), perhaps Avro or "
                            "Protobuf" RIGHT,
                            (unsigned char)value.at[0], value.length > 1 ? (unsigned char)value.at[1] : 0);
    return SPAN_NONE;
}

/* ---- The position at which it stops being JSON ---- */

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == '$';
}

/* The last byte before `at` that is not white space, or 0. */
static char before(struct span value, size_t at)
{
    while (at > 0 && is_space(value.at[at - 1]))
        at--;
    return at > 0 ? value.at[at - 1] : '\0';
}

/* "name=value&..." from the beginning. */
static bool is_form(struct span value)
{
    size_t at = 0;
    while (at < value.length && (is_letter(value.at[at]) || value.at[at] == '.' || value.at[at] == '-'))
        at++;
    return at > 0 && at < value.length && value.at[at] == '=';
}

/* The beginning of the word that contains `at`. */
static size_t word_begin(struct span value, size_t at)
{
    while (at > 0 && is_letter(value.at[at - 1]))
        at--;
    return at;
}

static bool begins_with_word(struct span rest, const char *word)
{
    const size_t length = strlen(word);
    return rest.length >= length && strncasecmp(rest.at, word, length) == 0 &&
           (rest.length == length || !is_letter(rest.at[length]));
}

/* A literal of another language. */
static bool is_other_literal(struct span rest)
{
    static const char *const words[] = {"true", "false", "null", "none", "nan", "infinity", "undefined", "nil"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (begins_with_word(rest, words[i]))
            return true;
    return false;
}

/* A byte that a number, or what was meant as one, may consist of. */
static bool is_of_number(char byte)
{
    return (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.' || is_letter(byte);
}

/* True if a value that begins like a number is wrong at `at`, or ends too early there. */
static bool is_in_number(struct span value, size_t at)
{
    size_t begin = at;
    while (begin > 0 && is_of_number(value.at[begin - 1]))
        begin--;
    const char last = before(value, begin);
    if ((last != ':' && last != ',' && last != '[') || is_letter(value.at[begin]))
        return false;
    if (begin == at)
        return value.at[at] == '+' || value.at[at] == '.';
    return is_of_number(value.at[at]) || value.at[at - 1] < '0' || value.at[at - 1] > '9';
}

/* A hint for a usual slip, or what would be right in general. */
static const char *slip_hint(struct span value, size_t at)
{
    const char byte = value.at[at], last = before(value, at);
    const size_t word = word_begin(value, at);
    const char before_word = before(value, word);
    if (is_form(value))
        return "it looks like a form's fields" RIGHT;
    if (byte == '\'')
        return "strings and names must be in double quotes";
    if ((byte == '}' || byte == ']') && last == ',')
        return "no comma must stand before it";
    if (byte == '{' && last == '}')
        return "must be one object, not several";
    if ((unsigned char)byte < 0x20)
        return "inside a string it must be an escape such as \\n";
    if (byte == '\\' && at + 1 < value.length)
        return "a back slash must begin an escape, be one itself as \\\\, and stand in a string";
    if (is_in_number(value, at))
        return "a number must be like 12, -0.5 or 6e23, and anything else in double quotes";
    if (is_letter(value.at[word]) && (before_word == '{' || (before_word == ',' && memchr(value.at, '{', word))) &&
        !is_other_literal(span_from(value, word)))
        return "names and strings must be in double quotes";
    if (is_letter(value.at[word]))
        return "a word must be in double quotes, or be true, false or null";
    if (byte == '/' || byte == '#')
        return "comments must be left out";
    return NULL;
}

static struct span syntax_message(struct span value, uint32_t at, struct arena *arena)
{
    char character[CHARACTER_SIZE];
    if (at >= value.length)
        return arena_format(arena, "the text is not JSON at byte %u: it ends too early, must be a whole JSON object",
                            (unsigned)at);
    character_write(span_from(value, at), character);
    const char *hint = slip_hint(value, at);
    return arena_format(arena, "the text is not JSON at byte %u: %s does not fit there%s%s", (unsigned)at, character,
                        hint ? "; " : "", hint ? hint : RIGHT);
}

/* The name at byte `at`, with its original quotes and escapes. */
static struct span duplicate_message(struct span value, uint32_t at, struct arena *arena)
{
    struct span name = span_from(value, (size_t)at + 1);
    size_t length = 0;
    while (length < name.length && name.at[length] != '"')
        length += name.at[length] == '\\' ? 2 : 1;
    name.length = length < name.length ? length : name.length;
    return arena_format(arena, "%s at byte %u: %s, must stand once", json_fault_text(JSON_DUPLICATE), (unsigned)at,
                        quote_new(name, arena));
}

static struct span utf8_message(struct span value, struct arena *arena)
{
    const uint8_t *const bytes = (const uint8_t *)value.at;
    const uint8_t *const wrong = u8_check(bytes, value.length);
    const size_t at = wrong ? (size_t)(wrong - bytes) : 0;
    return arena_format(arena, "%s at byte %zu, which is 0x%02X; must be UTF-8 throughout", json_fault_text(JSON_UTF8),
                        at, bytes[at]);
}

struct span malformed_message(struct span value, const struct json_fault *fault, struct arena *arena)
{
    const bool may_be_other = fault->code == JSON_SYNTAX || fault->code == JSON_UTF8;
    const struct span beginning = may_be_other ? beginning_message(value, arena) : SPAN_NONE;
    if (beginning.length > 0)
        return beginning;
    switch (fault->code) {
    case JSON_OK:
    case JSON_EMPTY:
        return arena_format(arena, "%s up to byte %zu" RIGHT, json_fault_text(JSON_EMPTY), value.length);
    case JSON_SYNTAX:
        return syntax_message(value, fault->at, arena);
    case JSON_UTF8:
        return utf8_message(value, arena);
    case JSON_SURROGATE:
        return arena_format(arena, "%s at byte %u, must stand with the other half", json_fault_text(JSON_SURROGATE),
                            (unsigned)fault->at);
    case JSON_DUPLICATE:
        return duplicate_message(value, fault->at, arena);
    case JSON_DEPTH:
        return arena_format(arena, "%s at byte %u, must be at most %d levels deep", json_fault_text(JSON_DEPTH),
                            (unsigned)fault->at, CUSTOM_FIELDS_DEPTH);
    }
    return span_of_text(json_fault_text(fault->code));
}
