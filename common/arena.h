/* arena: memory that is allocated by moving a pointer and freed all at once.
 *
 * arena_open reserves address space only. Pages are touched as they are used, so a generous capacity costs nothing
 * until hostile input asks for it. A worker thread owns one arena for its batch. */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stddef.h>

#include "common/must_check.h"
#include "common/span.h"

struct arena {
    char *base;
    size_t used;     /* bytes allocated since the last reset */
    size_t capacity; /* bytes of address space reserved */
};

/* Reserves `capacity` bytes. Returns 0, or -1 with errno set when the system refuses. */
MUST_CHECK int arena_open(struct arena *arena, size_t capacity);
void arena_close(struct arena *arena);

/* Logs that there is no room for `size` bytes, and aborts. */
void arena_fail(const struct arena *arena, size_t size) __attribute__((noreturn, cold));

/* The end of the allocated bytes, with room for `size` more. The caller writes there and adds what it keeps to
 * `used`. */
static inline char *arena_room(struct arena *arena, size_t size)
{
    if (size > arena->capacity - arena->used)
        arena_fail(arena, size);
    return arena->base + arena->used;
}

/* Allocates `size` bytes, aligned to 8, not cleared, valid until the next reset to an earlier mark. Never NULL: the
 * capacity is sized for the largest batch that the limits allow, so running out is our own mistake and aborts. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    arena_room(arena, size + 8);
    arena->used = (arena->used + 7) & ~(size_t)7;
    void *given = arena->base + arena->used;
    arena->used += size;
    return given;
}

/* Allocates a copy of the bytes of `from`, unaligned. */
struct span arena_copy(struct arena *arena, struct span from);

/* A span holding the text that printf would print. */
struct span arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees everything allocated since `mark` (an earlier value of `used`; 0 for all). Pages beyond what an ordinary
 * batch needs go back to the system. */
void arena_reset(struct arena *arena, size_t mark);

#endif
