#include "worker/validate/host_message.h"

#include "common/host_bidi.h"
#include "common/text.h"

#define WHERE_NAME  "must be a name such as example.com"
#define LETTERS     "letters, digits, hyphens and dots"
#define IDN_REFUSED "is not valid in internationalized names (IDNA 2008)"

static const char *new_text(struct check *check, struct span text)
{
    return arena_format(check->arena, "%.*s%c", SPAN_FORMAT(text), '\0').at;
}

static bool is_letter_digit_hyphen(uint32_t code_point)
{
    return (code_point >= 'a' && code_point <= 'z') || (code_point >= 'A' && code_point <= 'Z') ||
           (code_point >= '0' && code_point <= '9') || code_point == '-';
}

static bool is_dot(uint32_t code_point)
{
    return code_point == '.' || code_point == 0x3002 || code_point == 0xff0e || code_point == 0xff61;
}

/* Removes the first label of *rest and returns it. */
static bool next_label(struct span *rest, struct span *label)
{
    size_t at = 0, size = 0;
    if (rest->length == 0)
        return false;
    while (at < rest->length && !is_dot(text_code_point(*rest, at, &size)))
        at += size;
    *label = span_of(rest->at, at);
    *rest = span_from(*rest, at < rest->length ? at + size : at);
    return true;
}

/* The first label that is refused with this fault by itself; the whole text if none is. */
static struct span label_with(struct span text, enum host_fault fault)
{
    struct span rest = text, label;
    struct host host;
    while (next_label(&rest, &label))
        if (label.length > 0 && host_read_name(label, &host) == fault)
            return label;
    return text;
}

static bool is_invisible(uint32_t code_point)
{
    return !is_letter_digit_hyphen(code_point) && !is_dot(code_point) && !character_is_visible(code_point);
}

static bool is_no_name_byte(uint32_t code_point)
{
    return code_point < 0x80 && !is_letter_digit_hyphen(code_point) && code_point != '.';
}

/* The first character for which `is_wrong` is true, and the text from there on; empty if there is none. */
static struct span find_character(struct span text, bool (*is_wrong)(uint32_t code_point))
{
    for (size_t at = 0, size; at < text.length; at += size)
        if (is_wrong(text_code_point(text, at, &size)))
            return span_from(text, at);
    return SPAN_NONE;
}

/* True if no name can hold the character: it is refused alone and after a letter, where a mark would be allowed. */
static bool is_refused_everywhere(struct span character)
{
    char behind_letter[8] = "a";
    struct host host;
    if (host_read_name(character, &host) == HOST_OK)
        return false;
    memcpy(behind_letter + 1, character.at, character.length);
    return host_read_name(span_of(behind_letter, character.length + 1), &host) != HOST_OK;
}

/* For a label with characters beyond ASCII. */
static struct span find_refused_character(struct span label)
{
    for (size_t at = 0, size; at < label.length; at += size) {
        const bool is_ascii = text_code_point(label, at, &size) < 0x80;
        if (!is_ascii && is_refused_everywhere(span_of(label.at + at, size)))
            return span_from(label, at);
    }
    return SPAN_NONE;
}

static const char *character_message(struct check *check, struct span found, const char *allowed)
{
    char character[CHARACTER_SIZE];
    character_write(found, character);
    return new_text(check, arena_format(check->arena, "holds %s, must hold only %s", character, allowed));
}

/* Without such a character in ASCII, one beyond ASCII stands for it. */
static const char *no_name_message(struct check *check, struct span other, struct span text)
{
    if (!other.at)
        other = find_refused_character(label_with(text, HOST_CHARACTER));
    return other.at ? character_message(check, other, LETTERS) : "holds something else than " LETTERS ", must not";
}

static const char *label_message(struct check *check, struct span label, const char *what)
{
    return new_text(check, arena_format(check->arena, "has the label %s, which %s", quote_of(check, label), what));
}

static const char *hyphen_message(struct check *check, struct span text)
{
    const struct span label = label_with(text, HOST_HYPHEN);
    return label_message(check, label,
                         label.length > 0 && label.at[0] == '-'
                             ? "begins with a hyphen, must begin with a letter or digit"
                             : "ends with a hyphen, must end with a letter or digit");
}

static const char *idn_message(struct check *check, struct span text)
{
    const struct span label = label_with(text, HOST_IDN);
    const struct span character = find_refused_character(label);
    if (character.at)
        return character_message(check, character, LETTERS);
    if (label.length == text.length && text_length(text) != text.length && bidi_is_right_to_left(text))
        return label_message(check, label, "mixes directions of writing, must keep to one (RFC 5893)");
    if (label.length >= 4 && label.at[2] == '-' && label.at[3] == '-')
        return label_message(check, label, "stands for no valid name, must be the xn-- form of one (IDNA 2008)");
    return label_message(check, label, IDN_REFUSED ", must be one that could be registered");
}

/* The character is in an A-label, where it cannot be seen. */
static const char *invisible_message(struct check *check, struct span text)
{
    struct host host;
    const struct span label = label_with(text, HOST_INVISIBLE);
    if (host_read_name(label, &host) != HOST_INVISIBLE)
        return "holds a character that cannot be seen, must hold none";
    return new_text(check, arena_format(check->arena, "holds U+%04X in %s, which is not shown and must go",
                                        (unsigned)host.invisible, quote_of(check, label)));
}

const char *host_message(struct check *check, struct span text, enum host_fault fault, enum host_use use)
{
    if (check->item->violations_full)
        return "";
    const struct span invisible = find_character(text, is_invisible), other = find_character(text, is_no_name_byte);
    if (invisible.at && fault != HOST_IPV6 && (!other.at || invisible.at <= other.at))
        return character_message(check, invisible, LETTERS);
    switch (fault) {
    case HOST_EMPTY:
        return "is empty, " WHERE_NAME;
    case HOST_EMPTY_LABEL:
        return "has a dot at an end, or two in a row, must have one between its labels";
    case HOST_CHARACTER:
        return no_name_message(check, other, text);
    case HOST_HYPHEN:
        return hyphen_message(check, text);
    case HOST_LABEL_LENGTH:
        return "has a label of more than 63 bytes, must have none";
    case HOST_NAME_LENGTH:
        return "is longer than 253 bytes, must be at most that";
    case HOST_INVISIBLE:
        return invisible_message(check, text);
    case HOST_IDN:
        return idn_message(check, text);
    case HOST_NUMBER:
        if (use == HOST_OF_EMAIL)
            return "ends in a number, must end in a name such as com: addresses of machines are not taken";
        return "ends in a number, so it must be an IPv4 address: four decimal numbers from 0 to 255, without leading "
               "zeros";
    case HOST_IPV6:
        return "must be an IPv6 address in its brackets, as in [2001:db8::1]";
    default:
        return host_fault_text(fault);
    }
}
