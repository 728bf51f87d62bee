#include "worker/tracing/trace_context.h"

/* version "-" trace-id "-" parent-id "-" flags */
enum { AT_VERSION = 0, AT_TRACE = 3, AT_SPAN = 36, AT_FLAGS = 53, TRACEPARENT_LENGTH = 55 };

#define STATE_MEMBERS 32  /* most list-members of a tracestate */
#define KEY_LENGTH    256 /* of a member's key and value */

/* One more than the value of a lower-case hexadecimal digit; 0 for other bytes. */
static const unsigned char digit_values[256] = {['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['a'] = 11, 12, 13, 14, 15, 16};

static bool read_bytes(const char *digits, unsigned char *bytes, size_t count)
{
    bool valid = true;
    for (size_t i = 0; i < count; i++) {
        const unsigned high = digit_values[(unsigned char)digits[2 * i]];
        const unsigned low = digit_values[(unsigned char)digits[2 * i + 1]];
        valid &= high != 0 && low != 0;
        bytes[i] = (unsigned char)((high - 1) << 4 | (low - 1));
    }
    return valid;
}

static bool read_id(const char *digits, unsigned char *bytes, size_t count)
{
    unsigned char all = 0;
    if (!read_bytes(digits, bytes, count))
        return false;
    for (size_t i = 0; i < count; i++)
        all |= bytes[i];
    return all != 0;
}

bool trace_context_read(struct span text, struct trace_context *context)
{
    unsigned char version, flags;
    if (text.length < TRACEPARENT_LENGTH || !read_bytes(text.at + AT_VERSION, &version, 1) || version == 0xff)
        return false;
    /* A later version may have more behind a further hyphen. */
    if (text.length > TRACEPARENT_LENGTH && (version == 0 || text.at[TRACEPARENT_LENGTH] != '-'))
        return false;
    if (text.at[AT_TRACE - 1] != '-' || text.at[AT_SPAN - 1] != '-' || text.at[AT_FLAGS - 1] != '-')
        return false;
    if (!read_id(text.at + AT_TRACE, context->trace, TRACE_ID_BYTES) ||
        !read_id(text.at + AT_SPAN, context->span, SPAN_ID_BYTES) || !read_bytes(text.at + AT_FLAGS, &flags, 1))
        return false;
    context->flags = flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    return true;
}

/* ---- tracestate: key "=" value, separated by commas with blanks around them ---- */

static bool is_key_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key_character(char c)
{
    return is_key_start(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

static bool member_is_valid(struct span member)
{
    const char *equals = memchr(member.at, '=', member.length);
    if (!equals)
        return false;
    const size_t key = (size_t)(equals - member.at), value = member.length - key - 1;
    if (key < 1 || key > KEY_LENGTH || value < 1 || value > KEY_LENGTH || !is_key_start(member.at[0]))
        return false;
    for (size_t i = 1; i < key; i++)
        if (!is_key_character(member.at[i]))
            return false;
    for (size_t i = key + 1; i < member.length; i++)
        if (member.at[i] < ' ' || member.at[i] > '~' || member.at[i] == '=')
            return false;
    return true; /* without blanks at its end, since the member has none */
}

static struct span without_blanks(struct span text)
{
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = span_from(text, 1);
    while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

bool trace_state_is_valid(struct span text)
{
    size_t members = 0;
    if (text.length == 0 || text.length > TRACE_STATE_BYTES)
        return false;
    for (size_t begin = 0; begin <= text.length;) {
        const struct span rest = span_from(text, begin);
        const char *comma = rest.length > 0 ? memchr(rest.at, ',', rest.length) : NULL;
        const size_t length = comma ? (size_t)(comma - rest.at) : rest.length;
        const struct span member = without_blanks(span_of(rest.at, length));
        if (member.length > 0 && (++members > STATE_MEMBERS || !member_is_valid(member)))
            return false; /* a member may be empty */
        begin += length + 1;
    }
    return members > 0;
}
