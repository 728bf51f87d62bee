#include "common/host.h"

#include <idn2.h>
#include <unictype.h>

#include "common/ascii.h"
#include "common/host_address.h"
#include "common/host_bidi.h"
#include "common/text.h"

#define CAPITAL_SHARP_S "\u1e9e"
#define SMALL_SHARP_S   "\u00df"

/* A Unicode label whose A-label fits has at most 59 characters of at most 4 bytes; the mapping may drop a few. */
#define UNICODE_LABEL_BYTES 512

static bool is_label_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || ascii_is_digit(byte) || byte == '-';
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.at[i] > 0x7f)
            return false;
    return true;
}

/* True if the label begins with "xn--" in any case. */
static bool has_idn_prefix(struct span label)
{
    return label.length >= 4 && lower(label.at[0]) == 'x' && lower(label.at[1]) == 'n' && label.at[2] == '-' &&
           label.at[3] == '-';
}

/* The two joiners that RFC 5892 allows next to some letters. */
static bool is_joiner(uint32_t code_point)
{
    return code_point == 0x200c || code_point == 0x200d;
}

/* The first invisible character, or 0. Joiners count only if `joiners_count`. */
static uint32_t find_invisible(struct span text, bool joiners_count)
{
    for (size_t at = 0, size; at < text.length; at += size) {
        const uint32_t code_point = text_code_point(text, at, &size);
        if (code_point >= 0x80 && uc_is_property_default_ignorable_code_point(code_point) &&
            (joiners_count || !is_joiner(code_point)))
            return code_point;
    }
    return 0;
}

/* What is known of a name while its labels are added. */
struct reading {
    struct host *host;
    bool is_right_to_left; /* at least one label is */
    bool bidi_rule_holds;  /* for every label */
};

/* The fault for libidn2's error code. */
static enum host_fault idn_fault(struct reading *reading, int result, struct span label)
{
    const bool joiners_count = result == IDN2_CONTEXTJ || result == IDN2_CONTEXTJ_NO_RULE;
    reading->host->invisible = find_invisible(label, joiners_count);
    return reading->host->invisible != 0 ? HOST_INVISIBLE : HOST_IDN;
}

/* Checks a lower-case A-label. It must belong to a valid U-label: it decodes, and libidn2 would register the decoded
 * label (a stricter test than look-up) under exactly this A-label. */
static enum host_fault a_label_fault(struct reading *reading, struct span a_label)
{
    char text[HOST_LABEL_BYTES + 1], *decoded = NULL;
    uint8_t *registered = NULL;
    memcpy(text, a_label.at, a_label.length);
    text[a_label.length] = '\0';
    enum host_fault fault = HOST_OK;
    int result = idn2_to_unicode_8z8z(text, &decoded, 0);
    if (result == IDN2_OK)
        result = idn2_register_u8((const uint8_t *)decoded, (const uint8_t *)text, &registered, 0);
    if (result != IDN2_OK) {
        fault = decoded ? idn_fault(reading, result, span_of_text(decoded)) : HOST_IDN;
    } else {
        reading->is_right_to_left |= bidi_is_right_to_left(span_of_text(decoded));
        reading->bidi_rule_holds &= bidi_rule_holds(span_of_text(decoded));
    }
    idn2_free(registered);
    idn2_free(decoded);
    return fault;
}

/* Adds a lower-case ASCII label, after a dot unless it is the first. */
static enum host_fault add_label(struct reading *reading, struct span label)
{
    struct host *host = reading->host;
    if (label.length == 0)
        return HOST_EMPTY_LABEL;
    for (size_t i = 0; i < label.length; i++)
        if (!is_label_byte(label.at[i]))
            return HOST_CHARACTER;
    if (label.at[0] == '-' || label.at[label.length - 1] == '-')
        return HOST_HYPHEN;
    if (label.length > HOST_LABEL_BYTES)
        return HOST_LABEL_LENGTH;
    if (host->length + (host->labels > 0) + label.length > HOST_NAME_BYTES)
        return HOST_NAME_LENGTH;
    if (host->labels++ > 0)
        host->text[host->length++] = '.';
    char *at = host->text + host->length;
    for (size_t i = 0; i < label.length; i++)
        at[i] = lower(label.at[i]);
    host->length += label.length;
    if (has_idn_prefix(label))
        return a_label_fault(reading, span_of(at, label.length));
    reading->bidi_rule_holds &= !ascii_is_digit(label.at[0]); /* the Bidi rule for letters, digits and hyphens */
    return HOST_OK;
}

/* Copies the label, NUL-terminated and no longer than it was. */
static void copy_with_small_sharp_s(struct span label, char *text)
{
    while (label.length > 0) {
        const bool is_capital = span_begins_with(label, SPAN(CAPITAL_SHARP_S));
        const struct span piece = is_capital ? SPAN(SMALL_SHARP_S) : span_of(label.at, 1);
        memcpy(text, piece.at, piece.length);
        text += piece.length;
        label = span_from(label, is_capital ? strlen(CAPITAL_SHARP_S) : 1);
    }
    *text = '\0';
}

/* Adds a label with characters beyond ASCII. STD3's rules are applied here, before and after the mapping: libidn2's
 * own option drops the characters that they forbid. */
static enum host_fault add_unicode_label(struct reading *reading, struct span label)
{
    char text[UNICODE_LABEL_BYTES + 1], *encoded = NULL;
    if (label.length > UNICODE_LABEL_BYTES)
        return HOST_LABEL_LENGTH;
    for (size_t i = 0; i < label.length; i++)
        if ((unsigned char)label.at[i] < 0x80 && !is_label_byte(label.at[i]))
            return HOST_CHARACTER;
    reading->host->invisible = find_invisible(label, false);
    if (reading->host->invisible != 0)
        return HOST_INVISIBLE;
    copy_with_small_sharp_s(label, text);
    const int result = idn2_to_ascii_8z(text, &encoded, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (result != IDN2_OK)
        return idn_fault(reading, result, label);
    const enum host_fault fault = add_label(reading, span_of_text(encoded));
    idn2_free(encoded);
    return fault;
}

/* The bytes of the dot at `at`: ASCII's or one that UTS #46 maps to it. 0 if there is none. */
static size_t dot_size(struct span text, size_t at)
{
    if ((unsigned char)text.at[at] < 0x80)
        return text.at[at] == '.';
    struct span rest = span_from(text, at);
    bool is_dot = span_begins_with(rest, SPAN("\u3002")) || span_begins_with(rest, SPAN("\uff0e")) ||
                  span_begins_with(rest, SPAN("\uff61"));
    return is_dot ? 3 : 0;
}

/* The last label of a name that was read. */
static struct span last_label(const struct host *host)
{
    size_t begin = host->length;
    while (begin > 0 && host->text[begin - 1] != '.')
        begin--;
    return span_of(host->text + begin, host->length - begin);
}

/* The URL standard's "ends in a number": a browser takes such a host for an IPv4 address. */
static bool is_number(struct span label)
{
    bool hexadecimal = span_begins_with(label, SPAN("0x"));
    for (size_t i = hexadecimal ? 2 : 0; i < label.length; i++)
        if (!ascii_is_digit(label.at[i]) && !(hexadecimal && label.at[i] >= 'a' && label.at[i] <= 'f'))
            return false;
    return true;
}

enum host_fault host_read_name(struct span text, struct host *host)
{
    struct reading reading = {.host = host, .bidi_rule_holds = true};
    host->length = 0;
    host->labels = 0;
    if (text.length == 0)
        return HOST_EMPTY;
    for (size_t begin = 0, dot = 1; dot > 0;) {
        size_t end = begin;
        for (dot = 0; end < text.length && (dot = dot_size(text, end)) == 0;)
            end++;
        struct span label = span_of(text.at + begin, end - begin);
        enum host_fault fault = is_ascii(label) ? add_label(&reading, label) : add_unicode_label(&reading, label);
        if (fault != HOST_OK)
            return fault;
        begin = end + dot;
    }
    if (reading.is_right_to_left && !reading.bidi_rule_holds)
        return HOST_IDN;
    return is_number(last_label(host)) ? HOST_NUMBER : HOST_OK;
}

static enum host_fault host_read_ipv6(struct span text, struct host *host)
{
    uint16_t groups[IPV6_GROUPS];
    if (text.at[text.length - 1] != ']' || !ipv6_read(span_of(text.at + 1, text.length - 2), groups))
        return HOST_IPV6;
    host->text[0] = '[';
    host->length = 1 + ipv6_write(groups, host->text + 1);
    host->text[host->length++] = ']';
    host->labels = 0;
    return HOST_OK;
}

enum host_fault host_read(struct span text, struct host *host)
{
    if (text.length > 1 && text.at[0] == '[')
        return host_read_ipv6(text, host);
    if (ipv4_is_valid(text)) {
        memcpy(host->text, text.at, text.length);
        host->length = text.length;
        host->labels = 0;
        return HOST_OK;
    }
    bool ends_at_root = text.length > 1 && text.at[text.length - 1] == '.';
    enum host_fault fault = host_read_name(span_of(text.at, text.length - ends_at_root), host);
    if (fault == HOST_OK && ends_at_root)
        host->text[host->length++] = '.';
    return fault;
}

const char *host_fault_text(enum host_fault fault)
{
    static const char *const texts[] = {
        [HOST_OK] = "is valid",
        [HOST_EMPTY] = "is empty",
        [HOST_EMPTY_LABEL] = "has a dot at an end, or two in a row",
        [HOST_CHARACTER] = "holds something else than letters, digits, hyphens and dots",
        [HOST_HYPHEN] = "has a label that begins or ends with a hyphen",
        [HOST_LABEL_LENGTH] = "has a label of more than 63 bytes",
        [HOST_NAME_LENGTH] = "is longer than 253 bytes",
        [HOST_INVISIBLE] = "holds a character that cannot be seen",
        [HOST_IDN] = "has a label that is not valid in internationalized names (IDNA 2008)",
        [HOST_NUMBER] = "ends in a number, but is not an IPv4 address of four decimal numbers",
        [HOST_IPV6] = "is not an IPv6 address in brackets",
    };
    return texts[fault];
}
