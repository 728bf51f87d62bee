/* arena: memory that is freed all at once. Out of memory ends the program. */
#ifndef TESTS_LIVE_ARENA_H
#define TESTS_LIVE_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_chunk *chunks; /* the newest first */
    size_t left;                /* bytes, of the newest */
};

/* Aligned for every type; not cleared. */
void *arena_take(struct arena *arena, size_t size);

/* A NUL-terminated copy. */
char *arena_text(struct arena *arena, const void *bytes, size_t length);

void arena_free(struct arena *arena);

#endif
