#include "worker/replay/workspace_counts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <xxhash.h>

#define READ_AHEAD 8 /* counts of a run that are read at once */

struct entry {
    struct workspace_count count;
    UT_hash_handle hh;
};

/* Counts in the spill, sorted by name. */
struct run {
    int64_t at; /* of the next one to read */
    uint32_t left;
    struct workspace_count ahead[READ_AHEAD];
    uint32_t ahead_count, ahead_at;
};

struct workspace_counts {
    struct spill *spill;
    struct entry *entries;
    struct entry *last; /* of the last call: neighbouring commands often have one workspace */
    uint32_t most;
    struct run *runs;
    uint32_t run_count, run_capacity;
};

struct workspace_counts *workspace_counts_new(struct spill *spill, uint32_t most)
{
    struct workspace_counts *counts = calloc(1, sizeof(*counts));
    if (counts) {
        counts->spill = spill;
        counts->most = most;
    }
    return counts;
}

static void free_entries(struct workspace_counts *counts)
{
    struct entry *entry, *next;
    HASH_ITER(hh, counts->entries, entry, next)
    {
        HASH_DEL(counts->entries, entry);
        free(entry);
    }
    counts->last = NULL;
}

void workspace_counts_free(struct workspace_counts *counts)
{
    if (!counts)
        return;
    free_entries(counts);
    free(counts->runs);
    free(counts);
}

uint64_t workspace_count_changed(const struct workspace_count *count)
{
    uint64_t sum = 0;
    for (int class = 0; class < CLASSES; class ++)
        sum += class == CLASS_SAME ? 0 : count->classes[class];
    return sum;
}

static int names_compare(const struct workspace_count *a, const struct workspace_count *b)
{
    const uint32_t shorter = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->name, b->name, shorter);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* ---- Runs ---- */

static int entries_compare(struct entry *a, struct entry *b)
{
    return names_compare(&a->count, &b->count);
}

/* Moves all entries to the spill, as a run; there is at least one. */
static bool write_run(struct workspace_counts *counts)
{
    if (counts->run_count == counts->run_capacity) {
        const uint32_t capacity = counts->run_capacity ? 2 * counts->run_capacity : 4;
        struct run *grown = realloc(counts->runs, capacity * sizeof(*grown));
        if (!grown)
            return false;
        counts->runs = grown;
        counts->run_capacity = capacity;
    }
    const uint32_t count = HASH_COUNT(counts->entries);
    struct workspace_count *sorted = malloc(((size_t)count + 1) * sizeof(*sorted)), *to = sorted;
    if (!sorted)
        return false;
    HASH_SORT(counts->entries, entries_compare);
    for (const struct entry *entry = counts->entries; entry; entry = entry->hh.next)
        *to++ = entry->count;
    struct run *run = &counts->runs[counts->run_count];
    *run = (struct run){.left = count};
    const bool is_written =
        spill_append(counts->spill, span_of((const char *)sorted, count * sizeof(*sorted)), &run->at);
    free(sorted);
    if (is_written) {
        counts->run_count++;
        free_entries(counts);
    }
    return is_written;
}

/* The run's next count; NULL at its end. *failed: the spill cannot be read. */
static const struct workspace_count *run_head(struct workspace_counts *counts, struct run *run, bool *failed)
{
    if (run->ahead_at == run->ahead_count && run->left > 0) {
        run->ahead_count = run->left < READ_AHEAD ? run->left : READ_AHEAD;
        run->ahead_at = 0;
        if (!spill_read(counts->spill, run->at, run->ahead, run->ahead_count * sizeof(run->ahead[0]))) {
            *failed = true;
            return NULL;
        }
        run->at += (int64_t)(run->ahead_count * sizeof(run->ahead[0]));
        run->left -= run->ahead_count;
    }
    return run->ahead_at < run->ahead_count ? &run->ahead[run->ahead_at] : NULL;
}

/* ---- Counting ---- */

static struct entry *find_entry(struct workspace_counts *counts, struct span workspace)
{
    assert(workspace.length <= WORKSPACE_ID_CHARACTERS);
    struct entry *entry = counts->last;
    if (entry && span_equal(span_of(entry->count.name, entry->count.length), workspace))
        return entry;
    /* Commands name the workspaces. uthash's own function has no seed, so names that collide could be prepared. */
    const unsigned hash = (unsigned)XXH3_64bits_withSeed(workspace.at, workspace.length, (uintptr_t)counts);
    HASH_FIND_BYHASHVALUE(hh, counts->entries, workspace.at, (unsigned)workspace.length, hash, entry);
    if (entry)
        return entry;
    if (counts->entries && HASH_COUNT(counts->entries) >= counts->most && !write_run(counts))
        return NULL;
    entry = calloc(1, sizeof(*entry));
    if (!entry)
        return NULL;
    entry->count.length = (uint32_t)workspace.length;
    memcpy(entry->count.name, workspace.at, workspace.length);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, counts->entries, entry->count.name, entry->count.length, hash, entry);
    if (entry->hh.tbl)
        return entry;
    free(entry);
    errno = ENOMEM;
    return NULL;
}

bool workspace_counts_add(struct workspace_counts *counts, struct span workspace, const struct comparison *comparison)
{
    struct entry *entry = find_entry(counts, workspace.at ? workspace : SPAN(""));
    if (!entry)
        return false;
    counts->last = entry;
    entry->count.classes[comparison->class]++;
    entry->count.then[comparison->then]++;
    entry->count.now[comparison->now]++;
    return true;
}

/* ---- The most changed ---- */

static bool is_before(const struct workspace_count *a, const struct workspace_count *b)
{
    const uint64_t left = workspace_count_changed(a), right = workspace_count_changed(b);
    return left != right ? left > right : names_compare(a, b) < 0;
}

static void top_offer(struct workspace_count *top, uint32_t room, uint32_t *count,
                      const struct workspace_count *offered)
{
    if (workspace_count_changed(offered) == 0)
        return;
    uint32_t at = *count;
    while (at > 0 && is_before(offered, &top[at - 1]))
        at--;
    if (at == room)
        return;
    const uint32_t kept = *count < room ? *count : room - 1;
    memmove(&top[at + 1], &top[at], (kept - at) * sizeof(*top));
    top[at] = *offered;
    *count = kept + 1;
}

static void count_merge(struct workspace_count *sum, const struct workspace_count *added)
{
    for (int i = 0; i < CLASSES; i++)
        sum->classes[i] += added->classes[i];
    for (int i = 0; i < VERDICTS; i++) {
        sum->then[i] += added->then[i];
        sum->now[i] += added->now[i];
    }
}

/* A heap of runs by the names at their heads. */
struct heap {
    struct workspace_counts *counts;
    struct run **runs;
    uint32_t count;
    bool failed;
};

static bool heap_less(struct heap *heap, uint32_t a, uint32_t b)
{
    const struct workspace_count *left = run_head(heap->counts, heap->runs[a], &heap->failed);
    const struct workspace_count *right = run_head(heap->counts, heap->runs[b], &heap->failed);
    return left && right && names_compare(left, right) < 0;
}

static void heap_sink(struct heap *heap, uint32_t at)
{
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap->count; child++)
            if (heap_less(heap, child, least))
                least = child;
        if (least == at)
            return;
        struct run *moved = heap->runs[at];
        heap->runs[at] = heap->runs[least];
        heap->runs[least] = moved;
        at = least;
    }
}

/* The counts of all runs in the order of their names; equal names are merged. */
static bool merge_runs(struct workspace_counts *counts, struct workspace_count *top, uint32_t room, uint32_t *count)
{
    struct heap heap = {.counts = counts, .runs = calloc(counts->run_count, sizeof(*heap.runs))};
    if (!heap.runs)
        return false;
    for (uint32_t i = 0; i < counts->run_count; i++)
        heap.runs[heap.count++] = &counts->runs[i];
    for (uint32_t i = heap.count; i-- > 0;)
        heap_sink(&heap, i);
    struct workspace_count sum = {0};
    bool has_sum = false;
    while (heap.count > 0 && !heap.failed) {
        const struct workspace_count *next = run_head(counts, heap.runs[0], &heap.failed);
        if (!next) {
            heap.runs[0] = heap.runs[--heap.count];
            heap_sink(&heap, 0);
            continue;
        }
        if (has_sum && names_compare(&sum, next) == 0) {
            count_merge(&sum, next);
        } else {
            if (has_sum)
                top_offer(top, room, count, &sum);
            sum = *next;
            has_sum = true;
        }
        heap.runs[0]->ahead_at++;
        if (!run_head(counts, heap.runs[0], &heap.failed))
            heap.runs[0] = heap.runs[--heap.count];
        heap_sink(&heap, 0);
    }
    if (has_sum)
        top_offer(top, room, count, &sum);
    free(heap.runs);
    return !heap.failed;
}

bool workspace_counts_top(struct workspace_counts *counts, struct workspace_count *top, uint32_t room, uint32_t *count)
{
    *count = 0;
    if (counts->run_count == 0) {
        for (const struct entry *entry = counts->entries; entry; entry = entry->hh.next)
            top_offer(top, room, count, &entry->count);
        return true;
    }
    return (!counts->entries || write_run(counts)) && merge_runs(counts, top, room, count);
}
