#include "worker/definitions_cache.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/log.h"
#include "worker/decode.h"

struct slot {
    struct definitions_entry entry; /* first, so that an entry is its slot */
    struct definitions *owned;      /* what entry.definitions points to */
    bool known;                     /* has been put at least once */
    bool present;                   /* Redis had something */
    char hash[HASH_LENGTH];         /* of what Redis had */
    uint64_t batch;                 /* the last one that needed it */
    UT_hash_handle hh;              /* uthash keeps the order of insertion: the first is the least recently used */
    char workspace[];
};

struct definitions_cache {
    struct slot *slots;
    size_t capacity;
    uint64_t batch;    /* counts batches */
    struct slot *last; /* the entry given out last: commands of a workspace tend to come together */
};

struct definitions_cache *definitions_cache_new(size_t capacity)
{
    struct definitions_cache *cache = calloc(1, sizeof(*cache));
    if (cache)
        cache->capacity = capacity;
    return cache;
}

static void slot_free(struct definitions_cache *cache, struct slot *slot)
{
    HASH_DEL(cache->slots, slot);
    definitions_free(slot->owned);
    free(slot);
}

void definitions_cache_free(struct definitions_cache *cache)
{
    if (!cache)
        return;
    struct slot *slot, *next;
    HASH_ITER(hh, cache->slots, slot, next)
    slot_free(cache, slot);
    free(cache);
}

void definitions_cache_begin(struct definitions_cache *cache)
{
    cache->batch++;
    cache->last = NULL;
    while (HASH_COUNT(cache->slots) > cache->capacity)
        slot_free(cache, cache->slots);
}

static struct slot *slot_new(struct span workspace)
{
    struct slot *slot = calloc(1, sizeof(*slot) + workspace.length);
    if (!slot)
        abort();
    memcpy(slot->workspace, workspace.at, workspace.length);
    slot->entry.workspace = span_of(slot->workspace, workspace.length);
    return slot;
}

struct definitions_entry *definitions_cache_entry(struct definitions_cache *cache, struct span workspace)
{
    if (cache->last && span_equal(cache->last->entry.workspace, workspace))
        return &cache->last->entry;
    struct slot *slot;
    HASH_FIND(hh, cache->slots, workspace.at, workspace.length, slot);
    if (slot)
        HASH_DEL(cache->slots, slot);
    else
        slot = slot_new(workspace);
    HASH_ADD_KEYPTR(hh, cache->slots, slot->workspace, workspace.length, slot);
    if (slot->batch != cache->batch)
        slot->entry.fresh = false;
    slot->batch = cache->batch;
    cache->last = slot;
    return &slot->entry;
}

static void slot_compile(struct slot *slot, struct span json)
{
    struct definitions_fault *faults = NULL;
    slot->owned = definitions_compile(json, &faults);
    slot->entry.definitions = slot->owned;
    slot->entry.broken = !slot->owned;
    if (faults)
        log_warning("definitions are broken", LOG_SPAN("workspace", slot->entry.workspace),
                    LOG_TEXT("path", faults->path), LOG_TEXT("error", faults->message));
    definitions_faults_free(faults);
}

void definitions_cache_put(struct definitions_cache *cache, struct definitions_entry *entry, struct span json)
{
    (void)cache;
    struct slot *slot = (struct slot *)entry;
    char hash[HASH_LENGTH] = {0};
    bool present = json.at != NULL;
    if (present)
        hash_text(json, hash);
    entry->fresh = true;
    if (slot->known && slot->present == present && memcmp(slot->hash, hash, HASH_LENGTH) == 0)
        return;
    definitions_free(slot->owned);
    slot->owned = NULL;
    slot->known = true;
    slot->present = present;
    memcpy(slot->hash, hash, HASH_LENGTH);
    *entry = (struct definitions_entry){.workspace = entry->workspace, .fresh = true};
    if (present)
        slot_compile(slot, json);
}
