#include "common/host_address.h"

#include <stdio.h>

/* The value of one to four hexadecimal digits; -1 for anything else. */
static int group_value(struct span text)
{
    int value = 0;
    if (text.length < 1 || text.length > 4)
        return -1;
    for (size_t i = 0; i < text.length; i++) {
        const char byte = text.at[i];
        if (byte >= '0' && byte <= '9')
            value = value * 16 + (byte - '0');
        else if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
            value = value * 16 + ((byte | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* The value of a decimal number of 0 to 255 without leading zeros; -1 for anything else. */
static int octet_value(struct span text)
{
    int value = 0;
    if (text.length < 1 || text.length > 3 || (text.length > 1 && text.at[0] == '0'))
        return -1;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        value = value * 10 + (text.at[i] - '0');
    }
    return value <= 255 ? value : -1;
}

/* Splits the bytes before the first `mark` off *rest, and removes the mark. *more: there was one. */
static struct span take_until(struct span *rest, char mark, bool *more)
{
    const char *at = rest->length > 0 ? memchr(rest->at, mark, rest->length) : NULL;
    *more = at != NULL;
    struct span taken = span_of(rest->at, at ? (size_t)(at - rest->at) : rest->length);
    *rest = span_from(*rest, taken.length + *more);
    return taken;
}

static bool ipv4_read(struct span text, uint32_t *address)
{
    bool more = true;
    *address = 0;
    for (int i = 0; i < 4; i++) {
        if (!more)
            return false;
        const int octet = octet_value(take_until(&text, '.', &more));
        if (octet < 0)
            return false;
        *address = *address << 8 | (uint32_t)octet;
    }
    return !more;
}

bool ipv4_is_valid(struct span text)
{
    uint32_t address;
    return ipv4_read(text, &address);
}

/* Reads groups separated by single colons, at most `room`. The last two may be an IPv4 address. Returns their
 * number, 0 for an empty text, or -1. */
static int read_groups(struct span text, uint16_t *groups, int room)
{
    int count = 0;
    bool more = text.length > 0;
    while (more) {
        const struct span part = take_until(&text, ':', &more);
        uint32_t tail;
        if (!more && count + 2 <= room && ipv4_read(part, &tail)) {
            groups[count++] = (uint16_t)(tail >> 16);
            groups[count++] = (uint16_t)tail;
            return count;
        }
        const int value = group_value(part);
        if (value < 0 || count == room)
            return -1;
        groups[count++] = (uint16_t)value;
    }
    return count;
}

bool ipv6_read(struct span text, uint16_t groups[IPV6_GROUPS])
{
    const char *gap = text.length > 0 ? memmem(text.at, text.length, "::", 2) : NULL;
    if (!gap)
        return read_groups(text, groups, IPV6_GROUPS) == IPV6_GROUPS;

    /* No IPv4 address may stand before the gap: it would not be the last. */
    const struct span before = span_of(text.at, (size_t)(gap - text.at)), after = span_from(text, before.length + 2);
    uint16_t head[IPV6_GROUPS], tail[IPV6_GROUPS];
    if (before.length > 0 && memchr(before.at, '.', before.length))
        return false;
    const int heads = read_groups(before, head, IPV6_GROUPS - 1);
    const int tails = heads < 0 ? -1 : read_groups(after, tail, IPV6_GROUPS - 1 - heads);
    if (tails < 0)
        return false;
    for (int i = 0; i < IPV6_GROUPS; i++) {
        const int in_tail = i - (IPV6_GROUPS - tails);
        groups[i] = i < heads ? head[i] : in_tail >= 0 ? tail[in_tail] : 0;
    }
    return true;
}

/* Finds what "::" replaces: the longest run of zero groups, the first of equals; none if it would be one group. */
static void find_gap(const uint16_t groups[IPV6_GROUPS], int *begin, int *length)
{
    *begin = IPV6_GROUPS;
    *length = 1;
    for (int i = 0; i < IPV6_GROUPS; i++) {
        int run = 0;
        while (i + run < IPV6_GROUPS && groups[i + run] == 0)
            run++;
        if (run > *length) {
            *begin = i;
            *length = run;
        }
    }
}

size_t ipv6_write(const uint16_t groups[IPV6_GROUPS], char *text)
{
    static const uint16_t mapped[IPV6_GROUPS - 2] = {0, 0, 0, 0, 0, 0xffff};
    char written[IPV6_TEXT_BYTES + 1];
    size_t length = 0;
    if (memcmp(groups, mapped, sizeof(mapped)) == 0) {
        length = (size_t)snprintf(written, sizeof(written), "::ffff:%d.%d.%d.%d", groups[6] >> 8, groups[6] & 0xff,
                                  groups[7] >> 8, groups[7] & 0xff);
        memcpy(text, written, length);
        return length;
    }
    int gap, gap_length;
    find_gap(groups, &gap, &gap_length);
    for (int i = 0; i < IPV6_GROUPS; i++) {
        if (i == gap) {
            length += (size_t)snprintf(written + length, sizeof(written) - length, "::");
            i += gap_length - 1;
        } else {
            const bool follows_group = i > 0 && i != gap + gap_length;
            length += (size_t)snprintf(written + length, sizeof(written) - length, "%s%x", follows_group ? ":" : "",
                                       (unsigned)groups[i]);
        }
    }
    memcpy(text, written, length);
    return length;
}
