#include "worker/kafka/log_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "client-intake ";

size_t log_mark_write(const struct log_mark *mark, char text[LOG_MARK_BYTES])
{
    char answered[24] = "-";
    if (mark->answered >= 0)
        snprintf(answered, sizeof(answered), "%" PRId64, mark->answered);
    int length = mark->offset < 0 ? snprintf(text, LOG_MARK_BYTES, "%s%s - - -", prefix, answered)
                                  : snprintf(text, LOG_MARK_BYTES, "%s%s %" PRId64 " %" PRId64 " %016" PRIx64, prefix,
                                             answered, mark->offset, mark->timestamp_ms, mark->hash);
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
    bool is_whole = found.offset >= 0 ? end == at + 16 && *end == '\0' : strcmp(at, "-") == 0;
    if (is_whole)
        *mark = found;
    return is_whole;
}
