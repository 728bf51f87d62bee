/* failing_allocator: memory that ends where a test says, and what of it was not given back. The linker puts these in
 * the place of what the program's own object files call (the Makefile's FAILING_CALLS); libraries keep the C library's.
 */
#ifndef TESTS_UNIT_FAILING_ALLOCATOR_H
#define TESTS_UNIT_FAILING_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/* From now on the n-th call (from 1) that asks for memory gets none, once. What is taken is kept account of. */
void allocator_arm(size_t n);

/* Back to ordinary. Returns how many calls asked; more than n, or as many, if one failed. */
size_t allocator_disarm(void);

/* How many of the calls since allocator_arm were not given back. */
size_t allocator_held(void);

/* Frees what the program's object files gave out. */
void failing_free(void *memory);

#endif
