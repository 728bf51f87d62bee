/* key_table: finds the key in an array that equals a given one, in constant time. Open addressing; the caller owns
 * the memory. */
#ifndef COMMON_KEY_TABLE_H
#define COMMON_KEY_TABLE_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

struct key_table {
    const struct span *keys; /* the caller's array */
    uint32_t *slots;         /* index of a key + 1; 0: free */
    uint32_t mask;
    uint64_t seed;
};

/* The number of slots for `count` keys: a power of two, at most half of them taken. */
uint32_t key_table_slots(uint32_t count);

/* An empty table over `keys`, which need not be filled yet. */
void key_table_open(struct key_table *table, const struct span *keys, uint32_t *slots, uint32_t slot_count,
                    uint64_t seed);

/* Adds keys[index]. Returns false, without a change, if the table has an equal key already. */
MUST_CHECK bool key_table_add(struct key_table *table, uint32_t index);

/* The index of the key that equals `key`, or -1. */
int key_table_find(const struct key_table *table, struct span key);

#endif
