#include "worker/quote.h"

#include <stdint.h>
#include <unistr.h>

bool text_is_utf8(struct span bytes)
{
    return u8_check((const uint8_t *)bytes.at, bytes.length) == NULL;
}

static bool is_control(ucs4_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

static char *append_escape(char *to, ucs4_t control)
{
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = 'u';
    *to++ = '0';
    *to++ = '0';
    *to++ = digits[control >> 4];
    *to++ = digits[control & 15];
    return to;
}

void quote_write(struct span value, char quote[QUOTE_SIZE])
{
    char *to = quote;
    *to++ = '"';
    size_t at = 0;
    while (at < value.length) {
        ucs4_t character;
        int size = u8_mbtouc(&character, (const uint8_t *)value.at + at, value.length - at);
        if (at + (size_t)size > QUOTE_BYTES)
            break;
        if (is_control(character))
            to = append_escape(to, character);
        else /* not the bytes themselves: u8_mbtouc gives U+FFFD for what is not UTF-8 */
            to += u8_uctomb((uint8_t *)to, character, 6);
        at += (size_t)size;
    }
    *to++ = '"';
    if (at < value.length) {
        memcpy(to, "...", 3);
        to += 3;
    }
    *to = '\0';
}

const char *quote_new(struct span value, struct arena *arena)
{
    char quote[QUOTE_SIZE];
    quote_write(value, quote);
    return arena_copy(arena, span_of(quote, strlen(quote) + 1)).at;
}
