#include "tests/live/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)1 << 20)

struct arena_chunk {
    struct arena_chunk *next;
    max_align_t content[];
};

static void arena_grow(struct arena *arena, size_t size)
{
    size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + bytes);
    if (!chunk) {
        fputs("no memory left\n", stderr);
        exit(69);
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->left = bytes;
}

/* A chunk is used from its end, so `left` gives the position. */
void *arena_take(struct arena *arena, size_t size)
{
    size_t alignment = sizeof(max_align_t);
    size = (size + alignment - 1) / alignment * alignment;
    if (size > arena->left)
        arena_grow(arena, size);
    arena->left -= size;
    return (char *)arena->chunks->content + arena->left;
}

char *arena_text(struct arena *arena, const void *bytes, size_t length)
{
    char *text = arena_take(arena, length + 1);
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

void arena_free(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *arena = (struct arena){0};
}
