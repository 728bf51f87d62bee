/* catalogue: gives equal byte strings the same number, counted from 0 in the order of first appearance. */
#ifndef COMMON_GEN_CATALOGUE_H
#define COMMON_GEN_CATALOGUE_H

#include <stddef.h>
#include <stdint.h>

struct catalogue {
    struct catalogue_entry *entries;
    uint32_t count, capacity;
    uint32_t *slots; /* open addressing: entry + 1, or 0 */
    uint32_t slot_count;
};

/* A catalogue of all zero bytes is empty. */
void catalogue_free(struct catalogue *catalogue);

/* The number of `bytes`, which are copied if they are new. Ends the program when out of memory. */
uint32_t catalogue_number(struct catalogue *catalogue, const void *bytes, size_t length);

/* The bytes of a number, borrowed until catalogue_free. */
const void *catalogue_bytes(const struct catalogue *catalogue, uint32_t number);

/* realloc that ends the program when out of memory. */
void *grow(void *memory, size_t count, size_t size);

#endif
