#include "common/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "common/log.h"

/* What an ordinary batch needs. A reset returns the pages beyond it, so that one hostile batch does not leave a
 * large process behind. */
#define ARENA_KEPT_BYTES ((size_t)24 << 20)

int arena_open(struct arena *arena, size_t capacity)
{
    void *base = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -1;
    *arena = (struct arena){.base = base, .used = 0, .capacity = capacity};
    return 0;
}

void arena_close(struct arena *arena)
{
    if (arena->base)
        munmap(arena->base, arena->capacity);
    *arena = (struct arena){0};
}

void arena_fail(const struct arena *arena, size_t size)
{
    log_error("an arena is full", LOG_INTEGER("asked", size), LOG_INTEGER("capacity", arena->capacity),
              LOG_INTEGER("used", arena->used));
    abort();
}

struct span arena_copy(struct arena *arena, struct span from)
{
    char *to = arena_room(arena, from.length);
    if (from.length > 0)
        memcpy(to, from.at, from.length);
    arena->used += from.length;
    return span_of(to, from.length);
}

struct span arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    assert(length >= 0);
    char *to = arena_room(arena, (size_t)length + 1);
    vsnprintf(to, (size_t)length + 1, format, again);
    va_end(again);
    va_end(arguments);
    arena->used += (size_t)length;
    return span_of(to, (size_t)length);
}

void arena_reset(struct arena *arena, size_t mark)
{
    assert(mark <= arena->used);
    if (arena->used > ARENA_KEPT_BYTES && mark <= ARENA_KEPT_BYTES)
        madvise(arena->base + ARENA_KEPT_BYTES, arena->capacity - ARENA_KEPT_BYTES, MADV_DONTNEED);
    arena->used = mark;
}
