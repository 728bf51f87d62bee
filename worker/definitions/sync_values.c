#include "worker/definitions/sync_values.h"

#include <stdlib.h>
#include <xxhash.h>

#define FIRST_CAPACITY 1024

void sync_values_free(struct sync_values *values)
{
    free(values->hashes);
    values->hashes = NULL;
    values->count = values->capacity = 0;
}

static uint64_t value_hash(struct span workspace, struct span value)
{
    return XXH3_64bits_withSeed(value.at, value.length, XXH3_64bits(workspace.at, workspace.length));
}

bool sync_values_note(struct sync_values *values, struct span workspace, struct span value)
{
    if (values->overflowed)
        return true;
    if (values->count == values->most) {
        sync_values_free(values);
        values->overflowed = true;
        return true;
    }
    if (values->count == values->capacity) {
        const size_t capacity = values->capacity > 0 ? 2 * values->capacity : FIRST_CAPACITY;
        uint64_t *grown = realloc(values->hashes, capacity * sizeof(*grown));
        if (!grown)
            return false;
        values->hashes = grown;
        values->capacity = capacity;
    }
    values->hashes[values->count++] = value_hash(workspace, value);
    return true;
}

static int by_hash(const void *one, const void *other)
{
    const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

void sync_values_sort(struct sync_values *values)
{
    if (values->count > 0)
        qsort(values->hashes, values->count, sizeof(*values->hashes), by_hash);
}

bool sync_values_have(const struct sync_values *values, struct span workspace, struct span value)
{
    const uint64_t hash = value_hash(workspace, value);
    return values->count > 0 && bsearch(&hash, values->hashes, values->count, sizeof(hash), by_hash) != NULL;
}
