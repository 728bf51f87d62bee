/* sizing_memory: how many bytes of Redis (used_memory) keys with text values take. It follows Redis 7.0 and its
 * allocator, jemalloc: a key is an entry, its name and its value, each a block of one of the allocator's sizes; and all
 * keys share a table that doubles. tests/sizing.sh compares it with a Redis that has such keys. */
#ifndef TESTS_BENCH_SIZING_MEMORY_H
#define TESTS_BENCH_SIZING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sizing_layout {
    size_t quantum;  /* the step between the allocator's small sizes: 8 if Redis brings its own, 16 in Debian */
    bool is_cluster; /* entries of a node of a cluster have two pointers more, by which a slot's keys are found */
};

/* The block that an allocation of `bytes` gets. */
size_t sizing_block(const struct sizing_layout *layout, size_t bytes);

/* Of a key with a text, without its part of the table. A value of digits only may take less. */
size_t sizing_key_bytes(const struct sizing_layout *layout, size_t key_length, size_t value_length);

/* Of the table for so many keys. While it doubles, the next one is there, too, with twice the size. */
double sizing_table_bytes(double keys);

#endif
