#include "worker/sink/topic_table.h"

#include <assert.h>
#include <stdlib.h>

static int compare_entries(const void *one, const void *other)
{
    return strcmp(((const struct topic_entry *)one)->name, ((const struct topic_entry *)other)->name);
}

static void table_sort(struct topic_table *table)
{
    if (table->count > 0)
        qsort(table->entries, table->count, sizeof(*table->entries), compare_entries);
}

bool topic_table_open(struct topic_table *table, size_t capacity, const struct topic_table *older)
{
    capacity += older->count;
    *table = (struct topic_table){.entries = calloc(capacity + 1, sizeof(*table->entries)), .capacity = capacity};
    return table->entries != NULL;
}

void topic_table_close(struct topic_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->entries[i].name);
    free(table->entries);
    *table = (struct topic_table){0};
}

bool topic_table_add(struct topic_table *table, const char *name, int32_t partitions)
{
    assert(table->count < table->capacity);
    char *copy = strdup(name);
    if (!copy)
        return false;
    table->entries[table->count++] = (struct topic_entry){.name = copy, .partitions = partitions};
    return true;
}

struct topic_entry *topic_table_find(const struct topic_table *table, struct span name)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct span found = span_of_text(table->entries[middle].name);
        size_t shorter = found.length < name.length ? found.length : name.length;
        int order = memcmp(name.at, found.at, shorter);
        if (order == 0 && found.length == name.length)
            return &table->entries[middle];
        if (order < 0 || (order == 0 && name.length < found.length))
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* For a topic in both tables. */
static void entry_inherit(struct topic_entry *entry, const struct topic_entry *older, int64_t now_ms)
{
    entry->any = older->any;
    entry->keyless = older->keyless;
    entry->settings = older->settings;
    if (entry->partitions > 0)
        return;
    entry->doubted_ms = older->doubted_ms ? older->doubted_ms : now_ms;
    if (now_ms - entry->doubted_ms < TOPIC_LEADERLESS_MS)
        entry->partitions = older->partitions;
}

bool topic_table_settle(struct topic_table *table, struct topic_table *older, int64_t now_ms)
{
    struct topic_table answer = {.entries = table->entries, .count = table->count};
    bool doubts = false;
    table_sort(table);
    for (size_t i = 0; i < older->count; i++) {
        struct topic_entry *old = &older->entries[i];
        struct topic_entry *entry = topic_table_find(&answer, span_of_text(old->name));
        int64_t doubted_ms = old->doubted_ms ? old->doubted_ms : now_ms;
        if (entry) {
            entry_inherit(entry, old, now_ms);
        } else if (old->partitions > 0 && now_ms - doubted_ms < TOPIC_GONE_MS) {
            table->entries[table->count] = *old;
            table->entries[table->count++].doubted_ms = doubted_ms;
            old->name = NULL;
        }
    }
    for (size_t i = 0; i < table->count; i++)
        doubts = doubts || (table->entries[i].doubted_ms > 0 && table->entries[i].partitions > 0);
    table_sort(table);
    topic_table_close(older);
    return doubts;
}
