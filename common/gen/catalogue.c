#include "common/gen/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct catalogue_entry {
    void *bytes;
    size_t length;
    uint64_t hash;
};

void *grow(void *memory, size_t count, size_t size)
{
    void *grown = reallocarray(memory, count, size);
    if (grown == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return grown;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const unsigned char *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint32_t *slot_of(const struct catalogue *catalogue, uint64_t hash, const void *bytes, size_t length)
{
    uint32_t mask = catalogue->slot_count - 1;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        uint32_t *slot = &catalogue->slots[at];
        if (*slot == 0)
            return slot;
        const struct catalogue_entry *entry = &catalogue->entries[*slot - 1];
        if (entry->hash == hash && entry->length == length && memcmp(entry->bytes, bytes, length) == 0)
            return slot;
    }
}

static void widen(struct catalogue *catalogue)
{
    free(catalogue->slots);
    catalogue->slot_count = catalogue->slot_count == 0 ? 1024 : catalogue->slot_count * 2;
    catalogue->slots = grow(NULL, catalogue->slot_count, sizeof(*catalogue->slots));
    memset(catalogue->slots, 0, catalogue->slot_count * sizeof(*catalogue->slots));
    catalogue->capacity = catalogue->slot_count / 2;
    catalogue->entries = grow(catalogue->entries, catalogue->capacity, sizeof(*catalogue->entries));
    for (uint32_t i = 0; i < catalogue->count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[i];
        *slot_of(catalogue, entry->hash, entry->bytes, entry->length) = i + 1;
    }
}

uint32_t catalogue_number(struct catalogue *catalogue, const void *bytes, size_t length)
{
    if (catalogue->count == catalogue->capacity)
        widen(catalogue);
    uint64_t hash = hash_of(bytes, length);
    uint32_t *slot = slot_of(catalogue, hash, bytes, length);
    if (*slot == 0) {
        void *copy = grow(NULL, length, 1);
        memcpy(copy, bytes, length);
        catalogue->entries[catalogue->count++] = (struct catalogue_entry){copy, length, hash};
        *slot = catalogue->count;
    }
    return *slot - 1;
}

const void *catalogue_bytes(const struct catalogue *catalogue, uint32_t number)
{
    return catalogue->entries[number].bytes;
}

void catalogue_free(struct catalogue *catalogue)
{
    for (uint32_t i = 0; i < catalogue->count; i++)
        free(catalogue->entries[i].bytes);
    free(catalogue->entries);
    free(catalogue->slots);
    *catalogue = (struct catalogue){0};
}
