#include "common/lines.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int lines_open(struct lines *lines, int file, size_t capacity, size_t limit)
{
    assert(capacity > limit);
    *lines = (struct lines){.file = file, .capacity = capacity, .limit = limit, .buffer = malloc(capacity)};
    return lines->buffer ? 0 : -1;
}

void lines_close(struct lines *lines)
{
    free(lines->buffer);
    *lines = (struct lines){0};
}

int lines_fill(struct lines *lines)
{
    memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    assert(lines->end < lines->capacity);
    ssize_t count;
    do
        count = read(lines->file, lines->buffer + lines->end, lines->capacity - lines->end);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -1;
    lines->ended = count == 0;
    lines->end += (size_t)count;
    return 0;
}

/* Skips the rest of a line that is too long. Returns whether its end was found. */
static bool skip(struct lines *lines)
{
    const char *at = lines->buffer + lines->begin;
    const char *feed = memchr(at, '\n', lines->end - lines->begin);
    lines->begin = feed ? (size_t)(feed + 1 - lines->buffer) : lines->end;
    if (!feed)
        return false;
    lines->skipping = false;
    lines->number++;
    return true;
}

bool lines_next(struct lines *lines, struct line *line)
{
    if (lines->skipping && !skip(lines))
        return false;
    const char *at = lines->buffer + lines->begin;
    size_t there = lines->end - lines->begin;
    const char *feed = memchr(at, '\n', there);
    size_t length = feed ? (size_t)(feed - at) : there;
    if (!feed && length <= lines->limit && (!lines->ended || length == 0))
        return false;

    *line = (struct line){.text = span_of(at, length), .number = lines->number, .too_long = length > lines->limit};
    lines->begin += length;
    if (line->too_long)
        line->text = SPAN("");
    if (feed) {
        lines->begin++;
        lines->number++;
    } else if (line->too_long) {
        lines->skipping = true;
    }
    return true;
}

bool lines_are_done(const struct lines *lines)
{
    return lines->ended && lines->begin == lines->end;
}
