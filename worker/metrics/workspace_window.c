#include "worker/metrics/workspace_window.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    int64_t number; /* of its ten seconds; -1: unused */
    struct workspace_sketch sketches[WINDOW_KINDS];
};

struct workspace_window {
    pthread_mutex_t lock;
    struct slot slots[WINDOW_SLOTS];
};

struct workspace_window *workspace_window_new(void)
{
    struct workspace_window *window = calloc(1, sizeof(*window));
    if (!window)
        return NULL;
    pthread_mutex_init(&window->lock, NULL);
    for (size_t i = 0; i < WINDOW_SLOTS; i++)
        window->slots[i].number = -1;
    return window;
}

void workspace_window_free(struct workspace_window *window)
{
    if (!window)
        return;
    pthread_mutex_destroy(&window->lock);
    free(window);
}

/* The slot of the present, empty if it is new. */
static struct slot *window_slot(struct workspace_window *window, int64_t clock_ms)
{
    int64_t number = clock_ms / WINDOW_SLOT_MS;
    struct slot *slot = &window->slots[number % WINDOW_SLOTS];
    if (slot->number == number)
        return slot;
    slot->number = number;
    for (size_t kind = 0; kind < WINDOW_KINDS; kind++)
        workspace_sketch_clear(&slot->sketches[kind]);
    return slot;
}

/* Commands of one workspace and partition in a row. */
struct run {
    int32_t partition;
    struct span workspace;
    uint32_t commands, rejected;
};

static void slot_add(struct slot *slot, const struct run *run)
{
    if (run->commands == 0)
        return;
    workspace_sketch_add(&slot->sketches[WINDOW_COMMANDS], run->partition, run->workspace, run->commands);
    if (run->rejected > 0)
        workspace_sketch_add(&slot->sketches[WINDOW_REJECTIONS], run->partition, run->workspace, run->rejected);
}

/* Adds to `run`, or counts it and begins the next one. True if it belongs to the partition of the run before. */
static bool run_extend(struct run *run, const struct item *item, struct slot *slot)
{
    struct span workspace = item->workspace.at ? item->workspace : SPAN("");
    bool same_partition = run->commands > 0 && run->partition == item->from.partition;
    if (!same_partition || !span_equal(run->workspace, workspace)) {
        slot_add(slot, run);
        *run = (struct run){item->from.partition, workspace, 0, 0};
    }
    run->commands++;
    run->rejected += item->outcome == OUTCOME_REJECTED;
    return same_partition;
}

void workspace_window_count(struct workspace_window *window, const struct batch *batch, int64_t clock_ms)
{
    struct run run = {0, SPAN(""), 0, 0};
    uint32_t in_partition = 0;
    int32_t partition = 0;
    pthread_mutex_lock(&window->lock);
    struct slot *slot = window_slot(window, clock_ms);
    struct workspace_sketch *partitions = &slot->sketches[WINDOW_PARTITIONS];
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        if (!run_extend(&run, item, slot)) {
            if (in_partition > 0)
                workspace_sketch_add(partitions, partition, SPAN(""), in_partition);
            partition = item->from.partition;
            in_partition = 0;
        }
        in_partition++;
    }
    slot_add(slot, &run);
    if (in_partition > 0)
        workspace_sketch_add(partitions, partition, SPAN(""), in_partition);
    pthread_mutex_unlock(&window->lock);
}

static void slot_read(const struct slot *slot, enum window_kind kind, int64_t now, struct workspace_rows *rows)
{
    if (slot->number < 0 || slot->number <= now - WINDOW_SLOTS || slot->number > now)
        return;
    const struct workspace_sketch *sketch = &slot->sketches[kind];
    rows->total += sketch->total;
    for (uint32_t i = 0; i < sketch->used; i++)
        rows->rows[rows->count++] = (struct workspace_row){sketch->keys[i], sketch->counts[i], sketch->errors[i]};
}

void workspace_window_read(struct workspace_window *window, enum window_kind kind, int64_t clock_ms,
                           struct workspace_rows *rows)
{
    rows->count = 0;
    rows->total = 0;
    for (size_t i = 0; i < WINDOW_SLOTS; i++) {
        pthread_mutex_lock(&window->lock);
        slot_read(&window->slots[i], kind, clock_ms / WINDOW_SLOT_MS, rows);
        pthread_mutex_unlock(&window->lock);
    }
    rows->count = workspace_rows_merge(rows->rows, rows->count, false);
}

static int compare_workspaces(const struct sketch_key *one, const struct sketch_key *other)
{
    size_t length = one->length < other->length ? one->length : other->length;
    int order = memcmp(one->workspace, other->workspace, length);
    return order != 0 ? order : (int)one->length - (int)other->length;
}

static int compare_keys(const void *one, const void *other)
{
    const struct workspace_row *first = one, *second = other;
    int order = compare_workspaces(&first->key, &second->key);
    if (order != 0)
        return order;
    return (first->key.partition > second->key.partition) - (first->key.partition < second->key.partition);
}

static int compare_counts(const void *one, const void *other)
{
    const struct workspace_row *first = one, *second = other;
    if (first->count != second->count)
        return first->count < second->count ? 1 : -1;
    return compare_keys(one, other);
}

/* Adds up neighbours of one key. */
static size_t rows_fold(struct workspace_row *rows, size_t count, bool by_workspace)
{
    size_t left = 0;
    uint64_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        struct workspace_row *last = left > 0 ? &rows[left - 1] : NULL;
        if (!last || compare_workspaces(&last->key, &rows[i].key) != 0 ||
            (!by_workspace && last->key.partition != rows[i].key.partition)) {
            largest = rows[i].count;
            rows[left++] = rows[i];
            continue;
        }
        if (rows[i].count > largest) {
            largest = rows[i].count;
            last->key.partition = rows[i].key.partition;
        }
        last->count += rows[i].count;
        last->error += rows[i].error;
    }
    return left;
}

size_t workspace_rows_merge(struct workspace_row *rows, size_t count, bool by_workspace)
{
    qsort(rows, count, sizeof(*rows), compare_keys);
    count = rows_fold(rows, count, false);
    if (by_workspace)
        count = rows_fold(rows, count, true);
    qsort(rows, count, sizeof(*rows), compare_counts);
    return count;
}
