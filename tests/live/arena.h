/* arena: memory that is given back all at once. There is none left to give means the end of the program. */
#ifndef TESTS_LIVE_ARENA_H
#define TESTS_LIVE_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_chunk *chunks; /* the newest first */
    size_t left;                /* bytes, of the newest */
};

/* Aligned for everything; not cleared. */
void *arena_take(struct arena *arena, size_t size);

/* A copy that ends with a NUL. */
char *arena_text(struct arena *arena, const void *bytes, size_t length);

void arena_free(struct arena *arena);

#endif
