#include "common/quote.h"

#include <stdio.h>
#include <unictype.h>
#include <unistr.h>

#define BRAILLE_BLANK 0x2800

bool text_is_utf8(struct span bytes)
{
    return u8_check((const uint8_t *)bytes.at, bytes.length) == NULL;
}

void text_make_utf8(char *text)
{
    if (text_is_utf8(span_of_text(text)))
        return;
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            *text = '?';
}

bool character_is_visible(uint32_t code_point)
{
    if (code_point >= 0x20 && code_point < 0x7f)
        return true;
    /* Cn counts as visible: a character that is newer than libunistring can be seen. */
    return !uc_is_general_category_withtable(code_point, UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
                                                             UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Co |
                                                             UC_CATEGORY_MASK_Z) &&
           !uc_is_property_default_ignorable_code_point(code_point) && !uc_is_property_not_a_character(code_point) &&
           code_point != BRAILLE_BLANK;
}

/* Writes the character in the form for the beginning (`is_first`) or for further on; returns its end. */
static char *append_character(char *to, ucs4_t character, bool is_first)
{
    const bool joins_quote = is_first && uc_is_general_category_withtable(character, UC_CATEGORY_MASK_M);
    if (!character_is_visible(character) || joins_quote)
        return to + sprintf(to, "<U+%04X>", (unsigned)character);
    return to + u8_uctomb((uint8_t *)to, character, 6);
}

/* Writes at most QUOTE_BYTES bytes of `value`. Returns the end of the output, and in *written how many bytes of
 * `value` it shows. */
static char *append_value(char *to, struct span value, size_t *written)
{
    size_t at = 0;
    while (at < value.length) {
        ucs4_t character;
        if (at < QUOTE_BYTES && value.at[at] >= 0x20 && value.at[at] < 0x7f) {
            *to++ = value.at[at++];
            continue;
        }
        int size = u8_mbtouc(&character, (const uint8_t *)value.at + at, value.length - at);
        if (at + (size_t)size > QUOTE_BYTES)
            break;
        to = append_character(to, character, at == 0);
        at += (size_t)size;
    }
    *written = at;
    return to;
}

void quote_write(struct span value, char quote[QUOTE_SIZE])
{
    size_t written;
    quote[0] = '"';
    char *end = append_value(quote + 1, value, &written);
    strcpy(end, written < value.length ? "\"..." : "\"");
}

void quote_write_name(struct span name, char quote[QUOTE_SIZE])
{
    size_t written;
    char *end = append_value(quote, name, &written);
    strcpy(end, written < name.length ? "..." : "");
}

const char *quote_new(struct span value, struct arena *arena)
{
    char quote[QUOTE_SIZE];
    quote_write(value, quote);
    return arena_copy(arena, span_of(quote, strlen(quote) + 1)).at;
}

void character_write(struct span text, char character[CHARACTER_SIZE])
{
    ucs4_t code_point;
    int size = u8_mbtoucr(&code_point, (const uint8_t *)text.at, text.length);
    if (size <= 0)
        sprintf(character, "the byte 0x%02X", (unsigned char)text.at[0]);
    else if (!character_is_visible(code_point))
        sprintf(character, "U+%04X", (unsigned)code_point);
    else if (uc_is_general_category_withtable(code_point, UC_CATEGORY_MASK_M))
        sprintf(character, "U+%04X", (unsigned)code_point);
    else if (code_point < 0x80)
        sprintf(character, "\"%c\"", (char)code_point);
    else
        sprintf(character, "\"%.*s\" (U+%04X)", size, text.at, (unsigned)code_point);
}
