#include "worker/kafka/log_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char prefix[] = "client-intake ";

bool log_mark_is_same(const struct log_mark *mark, const struct log_mark *other)
{
    return mark->offset == other->offset && mark->timestamp_ms == other->timestamp_ms && mark->hash == other->hash;
}

int64_t log_mark_nonce(void)
{
    uint64_t number;
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return -1;
    number &= INT64_MAX;
    return number > 0 ? (int64_t)number : 1;
}

size_t log_mark_write(const struct log_mark *mark, char text[LOG_MARK_BYTES])
{
    char answered[24] = "-";
    if (mark->answered >= 0)
        snprintf(answered, sizeof(answered), "%" PRId64, mark->answered);
    int length = mark->offset < 0 ? snprintf(text, LOG_MARK_BYTES, "%s%s - - -", prefix, answered)
                                  : snprintf(text, LOG_MARK_BYTES, "%s%s %" PRId64 " %" PRId64 " %016" PRIx64, prefix,
                                             answered, mark->offset, mark->timestamp_ms, mark->hash);
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

bool log_mark_read(const char *text, size_t length, struct log_mark *mark)
{
    char copy[LOG_MARK_BYTES];
    *mark = LOG_MARK_NONE;
    if (!text || length >= sizeof(copy) || length < sizeof(prefix) || memcmp(text, prefix, sizeof(prefix) - 1) != 0)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    struct log_mark found;
    char *at = copy + sizeof(prefix) - 1, *end;
    if (!take_number(&at, -1, &found.answered) || !take_number(&at, -1, &found.offset) ||
        !take_number(&at, -1, &found.timestamp_ms))
        return false;
    found.hash = strtoull(at, &end, 16);
    bool is_whole = found.offset >= 0 ? end == at + 16 : *at == '-';
    is_whole = is_whole && take_nonce(found.offset >= 0 ? end : at + 1, &found.nonce);
    if (is_whole)
        *mark = found;
    return is_whole;
}
