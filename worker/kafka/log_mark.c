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
           mark->hash == other->hash && mark->base == other->base && mark->end == other->end && has_same_size;
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
    case LOG_MARK_NEXT:
        return snprintf(text, size, "- 2%019" PRId64 "%020" PRIu64 " -", mark->offset, mark->hash);
    case LOG_MARK_NOTHING:
        return snprintf(text, size, "- 3%019" PRId64 "%019" PRId64 " -", mark->offset, mark->end);
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

/* The kind that a third word of so many digits is of, by its first one; LOG_MARK_COMMAND: of none that is known here.
 */
static enum log_mark_kind kind_of(size_t digits, char first)
{
    static const struct {
        char first;
        size_t digits;
        enum log_mark_kind kind;
    } kinds[] = {{'1', 50, LOG_MARK_UNREADABLE}, {'2', 40, LOG_MARK_NEXT}, {'3', 39, LOG_MARK_NOTHING}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i].digits == digits && kinds[i].first == first)
            return kinds[i].kind;
    return LOG_MARK_COMMAND;
}

/* The third word of a mark without a command. The mark has no offset if it is of no kind that is known here, or if its
 * numbers are impossible. */
static void take_place(const char *at, struct log_mark *mark)
{
    struct log_mark found = *mark;
    mark->timestamp_ms = found.timestamp_ms = -1;
    found.kind = kind_of(strspn(at, "0123456789"), *at);
    if (found.kind == LOG_MARK_COMMAND)
        return;
    at++;
    uint64_t offset = take_digits(&at, 19), before = 0, end = 0;
    if (found.kind == LOG_MARK_UNREADABLE) {
        before = take_digits(&at, 10);
        found.bytes = (int64_t)take_digits(&at, 10);
        found.limit = (int64_t)take_digits(&at, 10);
    } else if (found.kind == LOG_MARK_NEXT) {
        found.hash = take_digits(&at, 20);
    } else {
        end = take_digits(&at, 19);
    }
    if (offset > INT64_MAX || before > offset || end > INT64_MAX)
        return;
    found.offset = (int64_t)offset;
    found.base = found.kind == LOG_MARK_UNREADABLE ? (int64_t)(offset - before) : 0;
    found.end = (int64_t)end;
    *mark = found;
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
