#include "worker/kafka/log_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char prefix[] = "client-intake ";

bool log_mark_is_same(const struct log_mark *mark, const struct log_mark *other)
{
    bool has_same_size = mark->bytes == other->bytes || mark->bytes == 0 || other->bytes == 0;
    return mark->kind == other->kind && mark->offset == other->offset && mark->timestamp_ms == other->timestamp_ms &&
           mark->hash == other->hash && mark->base == other->base && has_same_size;
}

int64_t log_mark_nonce(void)
{
    uint64_t number;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return -1;
    number &= INT64_MAX;
    return number > 0 ? (int64_t)number : 1;
}

/* Writes what stands between `answered` and the nonce. Returns its length. */
static int write_place(const struct log_mark *mark, char *text, size_t size)
{
    if (mark->offset < 0)
        return snprintf(text, size, "- - -");
    switch (mark->kind) {
    case LOG_MARK_UNREADABLE:
        return snprintf(text, size, "- 1%019" PRId64 "%010" PRId64 "%010" PRId64 "%010" PRId64 " -", mark->offset,
                        mark->offset - mark->base, mark->bytes, mark->limit);
    case LOG_MARK_MISNUMBERED:
        return snprintf(text, size, "- 2%019" PRId64 "%020" PRIu64 " -", mark->offset, mark->hash);
    case LOG_MARK_COMMAND:
        break;
    }
    return snprintf(text, size, "%" PRId64 " %" PRId64 " %016" PRIx64, mark->offset, mark->timestamp_ms, mark->hash);
}

size_t log_mark_write(const struct log_mark *mark, char text[LOG_MARK_BYTES])
{
    char answered[24] = "-";
    if (mark->answered >= 0)
        snprintf(answered, sizeof(answered), "%" PRId64, mark->answered);
    int length = snprintf(text, LOG_MARK_BYTES, "%s%s ", prefix, answered);
    length += write_place(mark, text + length, LOG_MARK_BYTES - (size_t)length);
    if (mark->nonce > 0)
        length += snprintf(text + length, LOG_MARK_BYTES - (size_t)length, " %" PRId64, mark->nonce);
    return (size_t)length;
}

/* Reads the next word as a number; `unknown` for "-". False if it is neither. */
static bool take_number(char **at, int64_t unknown, int64_t *number)
{
    char *end;
    if (strncmp(*at, "- ", 2) == 0) {
        *number = unknown;
        *at += 2;
        return true;
    }
    *number = strtoll(*at, &end, 10);
    if (end == *at || *end != ' ')
        return false;
    *at = end + 1;
    return true;
}

/* The rest of the text: nothing, or a nonce. */
static bool take_nonce(const char *at, int64_t *nonce)
{
    char *end = NULL;
    *nonce = -1;
    if (*at == '\0')
        return true;
    if (at[0] != ' ' || at[1] < '1' || at[1] > '9')
        return false;
    *nonce = strtoll(at + 1, &end, 10);
    return *end == '\0';
}

/* The value of the next digits, so many of them; they are there. */
static uint64_t take_digits(const char **at, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value * 10 + (uint64_t)(*(*at)++ - '0');
    return value;
}

/* The third word of a mark without a command. The mark has no offset if it is of no kind that is known here. */
static void take_place(const char *at, struct log_mark *mark)
{
    const size_t length = strspn(at, "0123456789");
    bool is_unreadable = length == 50 && *at == '1', is_misnumbered = length == 40 && *at == '2';
    mark->timestamp_ms = -1;
    if (!is_unreadable && !is_misnumbered)
        return;
    at++;
    uint64_t offset = take_digits(&at, 19), before = is_unreadable ? take_digits(&at, 10) : 0;
    if (offset > INT64_MAX || before > offset)
        return;
    mark->kind = is_unreadable ? LOG_MARK_UNREADABLE : LOG_MARK_MISNUMBERED;
    mark->offset = (int64_t)offset;
    if (is_unreadable) {
        mark->base = (int64_t)(offset - before);
        mark->bytes = (int64_t)take_digits(&at, 10);
        mark->limit = (int64_t)take_digits(&at, 10);
    } else {
        mark->hash = take_digits(&at, 20);
    }
}

bool log_mark_read(const char *text, size_t length, struct log_mark *mark)
{
    char copy[LOG_MARK_BYTES];
    *mark = LOG_MARK_NONE;
    if (!text || length >= sizeof(copy) || length < sizeof(prefix) || memcmp(text, prefix, sizeof(prefix) - 1) != 0)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    struct log_mark found = LOG_MARK_NONE;
    char *at = copy + sizeof(prefix) - 1, *end;
    if (!take_number(&at, -1, &found.answered) || !take_number(&at, -1, &found.offset))
        return false;
    const char *place = at;
    if (!take_number(&at, -1, &found.timestamp_ms))
        return false;
    found.hash = strtoull(at, &end, 16);
    bool is_whole = found.offset >= 0 ? end == at + 16 : *at == '-';
    is_whole = is_whole && take_nonce(found.offset >= 0 ? end : at + 1, &found.nonce);
    if (is_whole && found.offset < 0)
        take_place(place, &found);
    if (is_whole)
        *mark = found;
    return is_whole;
}
