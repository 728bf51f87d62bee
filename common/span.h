/* span: counted bytes. Never NUL-terminated, never owned: the code that makes a span states how long its bytes live.
 *
 * The folder common holds general tools: text, numbers, JSON, memory, logs. It knows nothing of Kafka, Redis and
 * messages. */
#ifndef COMMON_SPAN_H
#define COMMON_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *at;
    size_t length;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_NONE     ((struct span){NULL, 0})

/* For printf's "%.*s". */
#define SPAN_FORMAT(span) (int)(span).length, (span).at

static inline struct span span_of(const char *at, size_t length)
{
    return (struct span){at, length};
}

static inline struct span span_of_text(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* Most texts are short; those are compared without a call, by their first and last bytes, which may overlap. */
static inline bool span_equal(struct span a, struct span b)
{
    const size_t length = b.length;
    if (a.length != length)
        return false;
    if (length > 16)
        return memcmp(a.at, b.at, length) == 0;
    if (length >= 8) {
        uint64_t first[2], last[2];
        memcpy(&first[0], a.at, 8);
        memcpy(&first[1], b.at, 8);
        memcpy(&last[0], a.at + length - 8, 8);
        memcpy(&last[1], b.at + length - 8, 8);
        return first[0] == first[1] && last[0] == last[1];
    }
    if (length >= 4) {
        uint32_t first[2], last[2];
        memcpy(&first[0], a.at, 4);
        memcpy(&first[1], b.at, 4);
        memcpy(&last[0], a.at + length - 4, 4);
        memcpy(&last[1], b.at + length - 4, 4);
        return first[0] == first[1] && last[0] == last[1];
    }
    return length == 0 ||
           (a.at[0] == b.at[0] && a.at[length / 2] == b.at[length / 2] && a.at[length - 1] == b.at[length - 1]);
}

/* True if a span with the length of `literal` equals it. The compiler compares with a literal in two or three
 * instructions, so names are told apart by a switch over their length, and this. */
#define span_is(span, literal) (memcmp((span).at, "" literal, sizeof(literal) - 1) == 0)

static inline bool span_begins_with(struct span whole, struct span part)
{
    return whole.length >= part.length && (part.length == 0 || memcmp(whole.at, part.at, part.length) == 0);
}

/* Copies the bytes to `to` and returns their end there. Most texts are short; those are copied as their first and last
 * bytes, which may overlap, without a call. */
static inline char *span_copy(char *to, struct span from)
{
    const size_t length = from.length;
    if (length > 16) {
        if (length > 32) {
            memcpy(to, from.at, length);
        } else {
            char first[16], last[16];
            memcpy(first, from.at, 16);
            memcpy(last, from.at + length - 16, 16);
            memcpy(to, first, 16);
            memcpy(to + length - 16, last, 16);
        }
    } else if (length >= 8) {
        memcpy(to, from.at, 8);
        memcpy(to + length - 8, from.at + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, from.at, 4);
        memcpy(to + length - 4, from.at + length - 4, 4);
    } else if (length > 0) {
        to[0] = from.at[0];
        to[length / 2] = from.at[length / 2];
        to[length - 1] = from.at[length - 1];
    }
    return to + length;
}

/* The same for a literal, in a few moves. */
#define span_copy_literal(to, literal) span_copy((to), SPAN(literal))

/* The bytes of `whole` from `from` on; empty if there are none. */
static inline struct span span_from(struct span whole, size_t from)
{
    if (from >= whole.length)
        return span_of(whole.at + whole.length, 0);
    return span_of(whole.at + from, whole.length - from);
}

#endif
