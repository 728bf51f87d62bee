#include "common/sorted_spill.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What is in memory while runs are merged: so many entries of each run, or fewer if there are many runs. */
#define WINDOW_ENTRIES 64
#define WINDOWS_BYTES  ((size_t)256 << 10) /* of all runs */

/* Sorted entries in the spill. */
struct run {
    int64_t at;
    int64_t count, taken;
    char *window;      /* entries from `taken` on, until `windowed` */
    int64_t windowed;  /* entries that were read from the spill so far */
    int64_t window_at; /* number of the window's first entry */
};

struct sorted_spill {
    struct spill *spill;
    size_t entry_bytes, memory_entries;
    sorted_spill_order *order;
    char *entries; /* the last run, which is not full */
    char *scratch; /* for sorting: stable, so not qsort */
    size_t used;   /* of `entries` */
    int64_t count;
    struct run *runs;
    size_t run_count, run_capacity;
    size_t *heap; /* numbers of runs that have entries left, the one with the least entry first */
    size_t heap_count;
    int64_t window_entries;
    size_t taken; /* of `entries`, where there are no runs */
};

struct sorted_spill *sorted_spill_new(struct spill *spill, size_t entry_bytes, size_t memory_entries,
                                      sorted_spill_order *order)
{
    struct sorted_spill *sorted = calloc(1, sizeof(*sorted));
    if (!sorted)
        return NULL;
    sorted->spill = spill;
    sorted->entry_bytes = entry_bytes;
    sorted->memory_entries = memory_entries;
    sorted->order = order;
    sorted->entries = malloc(entry_bytes * memory_entries);
    sorted->scratch = malloc(entry_bytes * memory_entries);
    if (sorted->entries && sorted->scratch)
        return sorted;
    sorted_spill_free(sorted);
    return NULL;
}

static void free_windows(struct sorted_spill *sorted)
{
    for (size_t i = 0; i < sorted->run_count; i++) {
        free(sorted->runs[i].window);
        sorted->runs[i].window = NULL;
    }
}

void sorted_spill_free(struct sorted_spill *sorted)
{
    if (!sorted)
        return;
    free_windows(sorted);
    free(sorted->runs);
    free(sorted->heap);
    free(sorted->entries);
    free(sorted->scratch);
    free(sorted);
}

int64_t sorted_spill_count(const struct sorted_spill *sorted)
{
    return sorted->count;
}

/* ---- Sorting ---- */

/* Merges the sorted entries from `begin` to `middle` and from there to `end`; they are then in `to`. */
static void merge(const struct sorted_spill *sorted, const char *from, char *to, size_t begin, size_t middle,
                  size_t end)
{
    const size_t bytes = sorted->entry_bytes;
    size_t left = begin, right = middle;
    for (size_t i = begin; i < end; i++) {
        const bool takes_left =
            left < middle && (right >= end || sorted->order(from + left * bytes, from + right * bytes) <= 0);
        memcpy(to + i * bytes, from + (takes_left ? left++ : right++) * bytes, bytes);
    }
}

static void sort(struct sorted_spill *sorted)
{
    for (size_t width = 1; width < sorted->used; width *= 2) {
        for (size_t begin = 0; begin < sorted->used; begin += 2 * width) {
            const size_t middle = begin + width < sorted->used ? begin + width : sorted->used;
            const size_t end = begin + 2 * width < sorted->used ? begin + 2 * width : sorted->used;
            merge(sorted, sorted->entries, sorted->scratch, begin, middle, end);
        }
        char *const other = sorted->entries;
        sorted->entries = sorted->scratch;
        sorted->scratch = other;
    }
}

static bool add_run(struct sorted_spill *sorted)
{
    if (sorted->run_count == sorted->run_capacity) {
        const size_t capacity = sorted->run_capacity ? 2 * sorted->run_capacity : 16;
        struct run *grown = realloc(sorted->runs, capacity * sizeof(*grown));
        if (!grown)
            return false;
        sorted->runs = grown;
        sorted->run_capacity = capacity;
    }
    sort(sorted);
    struct run *run = &sorted->runs[sorted->run_count];
    *run = (struct run){.count = (int64_t)sorted->used};
    if (!spill_append(sorted->spill, span_of(sorted->entries, sorted->used * sorted->entry_bytes), &run->at))
        return false;
    sorted->run_count++;
    sorted->used = 0;
    return true;
}

bool sorted_spill_add(struct sorted_spill *sorted, const void *entry)
{
    if (sorted->used == sorted->memory_entries && !add_run(sorted))
        return false;
    memcpy(sorted->entries + sorted->used++ * sorted->entry_bytes, entry, sorted->entry_bytes);
    sorted->count++;
    return true;
}

/* ---- Merging ---- */

static bool fill_window(struct sorted_spill *sorted, struct run *run)
{
    int64_t some = run->count - run->windowed;
    if (some > sorted->window_entries)
        some = sorted->window_entries;
    run->window_at = run->windowed;
    run->windowed += some;
    return spill_read(sorted->spill, run->at + run->window_at * (int64_t)sorted->entry_bytes, run->window,
                      (size_t)some * sorted->entry_bytes);
}

static const char *first_of(const struct sorted_spill *sorted, size_t number)
{
    const struct run *run = &sorted->runs[number];
    return run->window + (size_t)(run->taken - run->window_at) * sorted->entry_bytes;
}

/* Runs are in the order in which their entries were added. */
static bool is_before(const struct sorted_spill *sorted, size_t a, size_t b)
{
    const int order = sorted->order(first_of(sorted, a), first_of(sorted, b));
    return order < 0 || (order == 0 && a < b);
}

static void sink_down(struct sorted_spill *sorted, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sorted->heap_count; child++)
            if (is_before(sorted, sorted->heap[child], sorted->heap[least]))
                least = child;
        if (least == at)
            return;
        const size_t other = sorted->heap[at];
        sorted->heap[at] = sorted->heap[least];
        sorted->heap[least] = other;
        at = least;
    }
}

static int64_t window_entries_of(const struct sorted_spill *sorted)
{
    const size_t fit = WINDOWS_BYTES / (sorted->run_count * sorted->entry_bytes);
    return fit > WINDOW_ENTRIES ? WINDOW_ENTRIES : fit == 0 ? 1 : (int64_t)fit;
}

bool sorted_spill_begin(struct sorted_spill *sorted)
{
    sorted->taken = sorted->heap_count = 0;
    if (sorted->run_count == 0) {
        sort(sorted);
        return true;
    }
    if (sorted->used > 0 && !add_run(sorted))
        return false;
    free(sorted->heap);
    free_windows(sorted);
    sorted->heap = calloc(sorted->run_count, sizeof(*sorted->heap));
    sorted->window_entries = window_entries_of(sorted);
    for (size_t i = 0; sorted->heap && i < sorted->run_count; i++) {
        struct run *run = &sorted->runs[i];
        run->taken = run->windowed = 0;
        run->window = malloc((size_t)sorted->window_entries * sorted->entry_bytes);
        if (!run->window || !fill_window(sorted, run))
            return false;
        sorted->heap[sorted->heap_count++] = i;
    }
    for (size_t i = sorted->heap_count / 2; i-- > 0;)
        sink_down(sorted, i);
    return sorted->heap != NULL;
}

static enum sorted_reading next_of_runs(struct sorted_spill *sorted, void *entry)
{
    if (sorted->heap_count == 0)
        return SORTED_END;
    const size_t number = sorted->heap[0];
    struct run *run = &sorted->runs[number];
    memcpy(entry, first_of(sorted, number), sorted->entry_bytes);
    run->taken++;
    if (run->taken == run->count)
        sorted->heap[0] = sorted->heap[--sorted->heap_count];
    else if (run->taken == run->windowed && !fill_window(sorted, run))
        return SORTED_FAILED;
    sink_down(sorted, 0);
    return SORTED_ENTRY;
}

enum sorted_reading sorted_spill_next(struct sorted_spill *sorted, void *entry)
{
    if (sorted->run_count > 0)
        return next_of_runs(sorted, entry);
    if (sorted->taken == sorted->used)
        return SORTED_END;
    memcpy(entry, sorted->entries + sorted->taken++ * sorted->entry_bytes, sorted->entry_bytes);
    return SORTED_ENTRY;
}
