#include "worker/definitions/definitions_cache.h"

#include <malloc.h>
#include <stdlib.h>
/* Out of memory, uthash leaves an element out (its hh.tbl is NULL then) instead of ending the program. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <xxhash.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/definitions/broken_sets.h"
#include "worker/validate/decode.h"

#define NEVER         INT64_MAX
#define USUAL_BYTES   ((size_t)256 << 10) /* of an ordinary set; a longer one is compiled a little more slowly */
#define PORTION_BYTES ((size_t)16 << 20)  /* of sets, read in one round trip */
#define GUESS_BYTES   ((size_t)64 << 10)  /* of a set, as long as none has been read */
#define RECENT_SETS   8                   /* the expected size is about the mean of so many */

struct slot {
    struct definitions_entry entry; /* first, so that an entry is its slot */
    struct definitions *owned;      /* the object of entry.definitions */
    bool known;                     /* has been put at least once */
    bool present;                   /* Redis had a value */
    char hash[HASH_LENGTH];         /* of that value */
    size_t bytes;                   /* of the slot and its definitions, as the cache counts them */
    size_t read_bytes;              /* of the value when it was last put */
    uint64_t batch;                 /* the last batch that needed it */
    uint64_t life;                  /* the cache's life when it was put */
    uint64_t stamp;                 /* the watch's version, taken before it was read */
    uint64_t link;                  /* of the watch, to the master of a cluster from which it was read; else 0 */
    uint64_t next_stamp, next_link; /* the same for a read in progress */
    int64_t expires_ms;             /* CLOCK_MONOTONIC, or NEVER */
    UT_hash_handle hh;              /* uthash keeps the order of insertion: the first is the least recently used */
    char workspace[];
};

struct definitions_cache {
    struct definitions_watch *watch;
    struct slot *slots;
    size_t capacity;
    size_t bytes, most;   /* of all slots; what they may take */
    size_t needed;        /* of these, what the slots take that the present batch has looked up */
    double expected;      /* of a set that was never read: bytes, in Redis or compiled, whichever is more */
    uint64_t batch;       /* counts batches */
    uint64_t life;        /* counts replacements of Redis' data */
    bool caught_up;       /* the watch knows all changes before this batch */
    int64_t began_ms;     /* when the batch began */
    struct slot *last;    /* the entry of the last look-up: commands of a workspace tend to be adjacent */
    struct arena scratch; /* for compiling sets of ordinary size */
    struct definitions_counts counts;
};

struct definitions_cache *definitions_cache_new(size_t capacity, struct definitions_watch *watch)
{
    struct definitions_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return NULL;
    cache->capacity = capacity;
    cache->most = SIZE_MAX;
    cache->expected = GUESS_BYTES;
    cache->watch = watch;
    if (arena_open(&cache->scratch, DEFINITIONS_SCRATCH_BYTES(USUAL_BYTES)) == 0)
        return cache;
    free(cache);
    return NULL;
}

static void slot_destroy(struct slot *slot)
{
    definitions_free(slot->owned);
    free(slot);
}

static bool slot_is_needed(const struct definitions_cache *cache, const struct slot *slot)
{
    return slot->batch == cache->batch;
}

/* The slot is no longer counted. */
static void slot_leave(struct definitions_cache *cache, struct slot *slot)
{
    cache->bytes -= slot->bytes;
    if (slot_is_needed(cache, slot))
        cache->needed -= slot->bytes;
}

static void slot_free(struct definitions_cache *cache, struct slot *slot)
{
    HASH_DEL(cache->slots, slot);
    slot_leave(cache, slot);
    slot_destroy(slot);
}

void definitions_cache_limit(struct definitions_cache *cache, size_t most)
{
    cache->most = most;
}

bool definitions_cache_is_full(const struct definitions_cache *cache)
{
    return cache->bytes > cache->most;
}

/* What the slot takes has changed. */
static void slot_weigh(struct definitions_cache *cache, struct slot *slot)
{
    slot_leave(cache, slot);
    slot->bytes = malloc_usable_size(slot) + (slot->owned ? malloc_usable_size(slot->owned) : 0);
    cache->bytes += slot->bytes;
    if (slot_is_needed(cache, slot))
        cache->needed += slot->bytes;
}

void definitions_cache_free(struct definitions_cache *cache)
{
    if (!cache)
        return;
    struct slot *slot, *next;
    HASH_ITER(hh, cache->slots, slot, next)
    slot_free(cache, slot);
    arena_close(&cache->scratch);
    free(cache);
}

static void evict_first(struct definitions_cache *cache)
{
    slot_free(cache, cache->slots);
    cache->counts.evicted++;
}

/* The present batch needs the entries that it has looked up, which are the last ones. */
static void make_room(struct definitions_cache *cache)
{
    while (definitions_cache_is_full(cache) && !slot_is_needed(cache, cache->slots))
        evict_first(cache);
}

static void end_batch(struct definitions_cache *cache)
{
    cache->batch++;
    cache->needed = 0;
    cache->last = NULL;
}

static void begin_batch(struct definitions_cache *cache)
{
    cache->began_ms = clock_now_ms();
    while (HASH_COUNT(cache->slots) > cache->capacity ||
           (definitions_cache_is_full(cache) && HASH_COUNT(cache->slots) > 1))
        evict_first(cache);
}

void definitions_cache_begin(struct definitions_cache *cache, const char *server, int64_t wait_ms)
{
    end_batch(cache);
    cache->caught_up = definitions_watch_catch_up(cache->watch, server, wait_ms);
    begin_batch(cache);
}

void definitions_cache_begin_with(struct definitions_cache *cache, struct definitions_server *servers, size_t count,
                                  int64_t wait_ms)
{
    end_batch(cache);
    cache->caught_up = false;
    definitions_watch_catch_up_with(cache->watch, servers, count, wait_ms);
    begin_batch(cache);
}

void definitions_cache_void(struct definitions_cache *cache)
{
    cache->life++;
    end_batch(cache);
}

static struct slot *slot_new(struct span workspace)
{
    struct slot *slot = calloc(1, sizeof(*slot) + workspace.length);
    if (!slot)
        return NULL;
    memcpy(slot->workspace, workspace.at, workspace.length);
    slot->entry.workspace = span_of(slot->workspace, workspace.length);
    return slot;
}

/* The batch's first look-up of the workspace decides for its other commands too, so that all are checked alike. */
static void slot_look_up(struct definitions_cache *cache, struct slot *slot, const struct definitions_server *server)
{
    const bool caught_up = server ? server->caught_up : cache->caught_up;
    slot->batch = cache->batch;
    cache->needed += slot->bytes;
    slot->next_stamp = definitions_watch_stamp(cache->watch, slot->entry.workspace);
    slot->next_link = server ? server->link : 0;
    bool changed =
        slot->known && (slot->life != cache->life || slot->stamp != slot->next_stamp || slot->link != slot->next_link);
    slot->entry.fresh = slot->known && !changed && caught_up && cache->began_ms < slot->expires_ms;
    if (slot->entry.fresh)
        cache->counts.hits++;
    else
        cache->counts.misses++;
    if (changed)
        cache->counts.invalidated++;
}

struct definitions_entry *definitions_cache_entry(struct definitions_cache *cache, struct span workspace)
{
    return definitions_cache_entry_at(cache, workspace, NULL);
}

struct definitions_entry *definitions_cache_entry_at(struct definitions_cache *cache, struct span workspace,
                                                     const struct definitions_server *server)
{
    if (cache->last && span_equal(cache->last->entry.workspace, workspace))
        return &cache->last->entry;
    /* Commands name the workspaces. uthash's own function has no seed, so names that collide could be prepared. */
    const unsigned hash =
        (unsigned)XXH3_64bits_withSeed(workspace.at, workspace.length, (uintptr_t)cache->scratch.base);
    struct slot *slot;
    HASH_FIND_BYHASHVALUE(hh, cache->slots, workspace.at, workspace.length, hash, slot);
    if (slot)
        HASH_DEL(cache->slots, slot);
    else
        slot = slot_new(workspace);
    if (!slot)
        return NULL;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, cache->slots, slot->workspace, workspace.length, hash, slot);
    if (!slot->hh.tbl) {
        slot_leave(cache, slot);
        slot_destroy(slot);
        return NULL;
    }
    if (slot->bytes == 0)
        slot_weigh(cache, slot);
    if (!slot_is_needed(cache, slot))
        slot_look_up(cache, slot, server);
    cache->last = slot;
    return &slot->entry;
}

/* False when out of memory. */
static bool slot_compile(struct definitions_cache *cache, struct slot *slot, struct span json)
{
    struct definitions_fault *faults = NULL;
    slot->owned = json.length <= USUAL_BYTES ? definitions_compile_in(&cache->scratch, json, &faults)
                                             : definitions_compile(json, &faults);
    if (!slot->owned && !faults)
        return false;
    slot->entry.definitions = slot->owned;
    slot->entry.broken = !slot->owned;
    cache->counts.compiled++;
    if (slot->entry.broken)
        cache->counts.broken++;
    if (faults && broken_sets_note(slot->entry.workspace, span_of(slot->hash, HASH_LENGTH)))
        log_warning("definitions are broken", LOG_SPAN("workspace", slot->entry.workspace),
                    LOG_TEXT("path", faults->path), LOG_TEXT("error", faults->message));
    definitions_faults_free(faults);
    return true;
}

/* The time to live was asked for after the batch began, so by our clock it ends no later than by Redis'. A value
 * whose time to live was over, or that came while there was none, is read again by the next batch. */
static int64_t expiry(const struct definitions_cache *cache, bool present, int64_t ttl_ms)
{
    if (ttl_ms >= 0)
        return cache->began_ms + ttl_ms;
    return present == (ttl_ms == TTL_ENDLESS) ? NEVER : cache->began_ms;
}

/* What the slot's set takes on its way or in the cache, whichever is more. */
static size_t slot_size(const struct slot *slot)
{
    return slot->read_bytes > slot->bytes ? slot->read_bytes : slot->bytes;
}

uint32_t definitions_cache_portion(const struct definitions_cache *cache, struct definitions_entry *const *entries,
                                   uint32_t count)
{
    const size_t room = cache->most > cache->needed ? cache->most - cache->needed : 0;
    size_t read = 0, grown = 0;
    uint32_t portion = 0;
    while (portion < count && (portion == 0 || (read < PORTION_BYTES && grown <= room))) {
        const struct slot *slot = (const struct slot *)entries[portion++];
        read += slot->known ? slot_size(slot) : (size_t)cache->expected;
        grown += slot->known ? 0 : (size_t)cache->expected; /* what a known one takes is counted already */
    }
    return portion;
}

bool definitions_cache_put(struct definitions_cache *cache, struct definitions_entry *entry, struct span json,
                           int64_t ttl_ms)
{
    struct slot *slot = (struct slot *)entry;
    char hash[HASH_LENGTH] = {0};
    bool present = json.at != NULL;
    if (present)
        hash_text(json, hash);
    bool same = slot->known && slot->present == present && memcmp(slot->hash, hash, HASH_LENGTH) == 0;
    slot->known = true;
    slot->present = present;
    slot->read_bytes = json.length;
    slot->life = cache->life;
    slot->stamp = slot->next_stamp;
    slot->link = slot->next_link;
    slot->expires_ms = expiry(cache, present, ttl_ms);
    entry->fresh = true;
    if (same)
        return true;
    memcpy(slot->hash, hash, HASH_LENGTH);
    definitions_free(slot->owned);
    slot->owned = NULL;
    entry->definitions = NULL;
    entry->broken = false;
    slot->known = !present || slot_compile(cache, slot, json);
    if (slot->known && !entry->broken)
        broken_sets_mend(entry->workspace);
    slot_weigh(cache, slot);
    if (present)
        cache->expected += ((double)slot_size(slot) - cache->expected) / RECENT_SETS;
    make_room(cache);
    return slot->known;
}

struct definitions_counts definitions_cache_counts(const struct definitions_cache *cache)
{
    return cache->counts;
}
