#include "worker/letters/letter_cause.h"

#include <ctype.h>
#include <string.h>

static bool ends_value(struct span behind)
{
    return behind.length == 0 || strchr(" ,;:.)", behind.at[0]);
}

/* The length of the quoted value at the beginning of `text`, quotes included; all of it if there is no closing quote.
 */
static size_t quoted_length(struct span text)
{
    for (size_t at = 1; at < text.length; at++)
        if (text.at[at] == '"' && ends_value(span_from(text, at + 1)))
            return at + 1;
    return text.length;
}

static size_t digits_length(struct span text, size_t from, int (*is_digit)(int))
{
    size_t length = from;
    while (length < text.length && is_digit((unsigned char)text.at[length]))
        length++;
    return length > from ? length : 0;
}

/* False in the middle of a word, such as UTF-8. */
static bool begins_number(struct span message, size_t at)
{
    const unsigned char before = at > 0 ? (unsigned char)message.at[at - 1] : ' ';
    return !isalnum(before) && !(before == '-' && at > 1 && isalpha((unsigned char)message.at[at - 2]));
}

/* The length of a number at the beginning of `text`, and the part of it that stays; 0: there is none. */
static size_t number_length(struct span text, struct span *kept)
{
    *kept = SPAN("");
    if (span_begins_with(text, SPAN("U+")) || span_begins_with(text, SPAN("0x"))) {
        const size_t length = digits_length(text, 2, isxdigit);
        if (length > 0)
            *kept = span_of(text.at, 2);
        if (length > 0)
            return length;
    }
    return digits_length(text, 0, isdigit);
}

struct writing {
    char *to;
    size_t length;
    bool is_full;
};

static void write(struct writing *writing, struct span text)
{
    writing->is_full = writing->is_full || text.length > LETTER_CAUSE_BYTES - writing->length;
    if (writing->is_full)
        return;
    memcpy(writing->to + writing->length, text.at, text.length);
    writing->length += text.length;
}

static size_t character_length(struct span text)
{
    size_t length = 1;
    while (length < text.length && length < 4 && ((unsigned char)text.at[length] & 0xC0) == 0x80)
        length++;
    return length;
}

size_t letter_cause_write(struct span message, char cause[LETTER_CAUSE_BYTES])
{
    struct writing writing = {.to = cause};
    for (size_t at = 0, taken; at < message.length && !writing.is_full; at += taken) {
        const struct span rest = span_from(message, at);
        struct span kept;
        if (rest.at[0] == '"') {
            taken = quoted_length(rest);
            write(&writing, SPAN("\"...\""));
        } else if (begins_number(message, at) && (taken = number_length(rest, &kept)) > 0) {
            write(&writing, kept);
            write(&writing, SPAN("#"));
        } else {
            taken = character_length(rest);
            write(&writing, span_of(rest.at, taken));
        }
    }
    return writing.length;
}
