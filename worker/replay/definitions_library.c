#include "worker/replay/definitions_library.h"

#include <errno.h>
#include <stdlib.h>

#include "worker/replay/definitions_texts.h"

struct version {
    int64_t timestamp_ms;
    int64_t offset;
    int32_t partition;
    uint32_t workspace; /* its number */
    uint32_t text;      /* its number; TEXT_NONE: the workspace has none from then on */
};

struct definitions_library {
    struct definitions_texts *texts;

    /* As they were added; sorted by `seal`, without those that are never found. */
    struct version *versions;
    uint32_t version_count, version_capacity;
    uint64_t additions;

    /* Names of workspaces. The versions of number i are those from firsts[i] to firsts[i + 1], once sealed. */
    struct span *workspaces;
    uint32_t *firsts;
    uint32_t *slots;
    struct key_table table;
    uint32_t workspace_count, workspace_capacity;
};

struct definitions_library *definitions_library_new(struct spill *spill, size_t cache_bytes)
{
    struct definitions_library *library = calloc(1, sizeof(*library));
    if (library)
        library->texts = definitions_texts_new(spill, cache_bytes);
    if (library && library->texts)
        return library;
    free(library);
    return NULL;
}

void definitions_library_free(struct definitions_library *library)
{
    if (!library)
        return;
    definitions_texts_free(library->texts);
    for (uint32_t i = 0; i < library->workspace_count; i++)
        free((void *)(uintptr_t)library->workspaces[i].at);
    free(library->workspaces);
    free(library->firsts);
    free(library->slots);
    free(library->versions);
    free(library);
}

/* ---- adding ---- */

static bool grow_workspaces(struct definitions_library *library)
{
    uint32_t capacity = library->workspace_capacity ? library->workspace_capacity * 2 : 64;
    uint32_t slot_count = capacity < UINT32_C(1) << 30 ? key_table_slots(capacity) : 0;
    struct span *workspaces = slot_count ? realloc(library->workspaces, capacity * sizeof(*workspaces)) : NULL;
    if (!workspaces)
        return false;
    library->workspaces = workspaces;
    library->table.keys = workspaces;
    uint32_t *firsts = realloc(library->firsts, ((size_t)capacity + 1) * sizeof(*firsts));
    if (!firsts)
        return false;
    library->firsts = firsts;
    uint32_t *slots = malloc(slot_count * sizeof(*slots));
    if (!slots)
        return false;
    free(library->slots);
    library->slots = slots;
    library->workspace_capacity = capacity;
    key_table_open(&library->table, workspaces, slots, slot_count, (uintptr_t)slots);
    bool all_new = true;
    for (uint32_t i = 0; i < library->workspace_count; i++)
        all_new = key_table_add(&library->table, i) && all_new;
    return all_new;
}

/* The workspace's number, a new one if it has none. False when out of memory. */
static bool workspace_number(struct definitions_library *library, struct span workspace, uint32_t *number)
{
    int found = library->workspace_capacity ? key_table_find(&library->table, workspace) : -1;
    *number = found >= 0 ? (uint32_t)found : library->workspace_count;
    if (found >= 0)
        return true;
    if (library->workspace_count == library->workspace_capacity && !grow_workspaces(library))
        return false;
    char *name = malloc(workspace.length + 1);
    if (!name)
        return false;
    memcpy(name, workspace.at, workspace.length);
    library->workspaces[*number] = span_of(name, workspace.length);
    library->workspace_count++;
    return key_table_add(&library->table, *number);
}

static bool grow_versions(struct definitions_library *library)
{
    if (library->version_count < library->version_capacity)
        return true;
    uint32_t capacity = library->version_capacity ? library->version_capacity + library->version_capacity / 2 : 256;
    struct version *versions = capacity < UINT32_C(1) << 31 && capacity > library->version_capacity
                                   ? realloc(library->versions, capacity * sizeof(*versions))
                                   : NULL;
    if (!versions)
        return false;
    library->versions = versions;
    library->version_capacity = capacity;
    return true;
}

bool definitions_library_add(struct definitions_library *library, struct span workspace, struct span json,
                             int32_t partition, int64_t offset, int64_t timestamp_ms)
{
    struct version version = {
        .timestamp_ms = timestamp_ms, .offset = offset, .partition = partition, .text = TEXT_NONE};
    if (!grow_versions(library) || !workspace_number(library, workspace, &version.workspace)) {
        errno = ENOMEM;
        return false;
    }
    if (json.at && !definitions_texts_add(library->texts, json, &version.text))
        return false;
    library->versions[library->version_count++] = version;
    library->additions++;
    return true;
}

/* ---- sealing ---- */

static int compare(int64_t left, int64_t right)
{
    return (left > right) - (left < right);
}

static int by_place(const void *a, const void *b)
{
    const struct version *left = a, *right = b;
    int order = compare(left->workspace, right->workspace);
    order = order ? order : compare(left->partition, right->partition);
    return order ? order : compare(left->offset, right->offset);
}

static int by_time(const void *a, const void *b)
{
    const struct version *left = a, *right = b;
    int order = compare(left->workspace, right->workspace);
    order = order ? order : compare(left->timestamp_ms, right->timestamp_ms);
    return order ? order : compare(left->partition, right->partition);
}

/* Removes the versions that a later offset of the partition hides at any time, since its timestamp is not later. What
 * is left of a partition is in the order of time as well. So the version of any time is the last one in `by_time` that
 * is not later, among all partitions. */
static void drop_hidden(struct definitions_library *library)
{
    struct version *versions = library->versions;
    uint32_t kept = library->version_count;
    for (uint32_t i = library->version_count; i-- > 0;) {
        bool has_later = kept < library->version_count && versions[kept].workspace == versions[i].workspace &&
                         versions[kept].partition == versions[i].partition;
        if (!has_later || versions[i].timestamp_ms < versions[kept].timestamp_ms)
            versions[--kept] = versions[i];
    }
    library->version_count -= kept;
    memmove(versions, versions + kept, library->version_count * sizeof(*versions));
}

void definitions_library_seal(struct definitions_library *library)
{
    if (library->version_count > 0) {
        qsort(library->versions, library->version_count, sizeof(*library->versions), by_place);
        drop_hidden(library);
        qsort(library->versions, library->version_count, sizeof(*library->versions), by_time);
    }
    uint32_t next = 0;
    for (uint32_t i = 0; i < library->version_count; i++)
        while (next <= library->versions[i].workspace)
            library->firsts[next++] = i;
    while (library->workspace_count > 0 && next <= library->workspace_count)
        library->firsts[next++] = library->version_count;
}

/* ---- looking up ---- */

enum library_finding definitions_library_version(struct definitions_library *library, const char version[HASH_LENGTH],
                                                 const struct definitions **definitions)
{
    uint32_t text = definitions_texts_find(library->texts, version);
    return text == TEXT_NONE ? LIBRARY_LACKING : definitions_texts_take(library->texts, text, definitions);
}

/* The number of the text at this time. */
static uint32_t text_at(const struct definitions_library *library, uint32_t workspace, int64_t timestamp_ms)
{
    uint32_t first = library->firsts[workspace], low = first, high = library->firsts[workspace + 1];
    while (low < high) { /* those before `low` are not later, those from `high` on are */
        uint32_t middle = low + (high - low) / 2;
        if (library->versions[middle].timestamp_ms <= timestamp_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low == first ? TEXT_NONE : library->versions[low - 1].text;
}

enum library_finding definitions_library_at(struct definitions_library *library, struct span workspace,
                                            int64_t timestamp_ms, const struct definitions **definitions)
{
    int number = library->workspace_count ? key_table_find(&library->table, workspace) : -1;
    uint32_t text = number < 0 ? TEXT_NONE : text_at(library, (uint32_t)number, timestamp_ms);
    return text == TEXT_NONE ? LIBRARY_NONE : definitions_texts_take(library->texts, text, definitions);
}

void definitions_library_release(struct definitions_library *library, const struct definitions *definitions)
{
    if (definitions)
        definitions_texts_give_back(library->texts, definitions);
}

struct library_counts definitions_library_counts(struct definitions_library *library)
{
    struct library_counts counts = {.versions = library->additions};
    definitions_texts_count(library->texts, &counts);
    return counts;
}
