/* sorted_spill: sorts any number of entries of one size in bounded memory. Entries are collected in memory; each time
 * that is full they are sorted and appended to a spill file as a run. Then the runs are merged. */
#ifndef COMMON_SORTED_SPILL_H
#define COMMON_SORTED_SPILL_H

#include "common/must_check.h"
#include "common/spill.h"

struct sorted_spill;

/* The order, as for qsort. Entries that are equal come out in the order of their addition. */
typedef int sorted_spill_order(const void *a, const void *b);

/* New, empty: takes entries of `entry_bytes` bytes, `memory_entries` of them in memory. NULL when out of memory.
 * `spill` must outlive it; others may use it at the same time. */
MUST_CHECK struct sorted_spill *sorted_spill_new(struct spill *spill, size_t entry_bytes, size_t memory_entries,
                                                 sorted_spill_order *order);
void sorted_spill_free(struct sorted_spill *sorted); /* NULL is allowed */

/* Adds a copy of the entry. False with errno set. */
MUST_CHECK bool sorted_spill_add(struct sorted_spill *sorted, const void *entry);

/* The number of entries that were added. */
int64_t sorted_spill_count(const struct sorted_spill *sorted);

/* Begins the reading at the first entry. Nothing may be added any more. False with errno set. */
MUST_CHECK bool sorted_spill_begin(struct sorted_spill *sorted);

/* Copies the next entry to `entry`. */
enum sorted_reading {
    SORTED_ENTRY,
    SORTED_END,
    SORTED_FAILED /* errno is set */
};
MUST_CHECK enum sorted_reading sorted_spill_next(struct sorted_spill *sorted, void *entry);

#endif
