#include "worker/replay/definitions_texts.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <utlist.h>
#include <xxhash.h>

#include "common/log.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/model/identity.h"

/* The state of a text. A change between "ready" and another state is made under the mutex; the references of a ready
 * text are counted without it. */
enum text_state {
    TEXT_NOT_COMPILED,   /* at first; again after it was evicted, or if its compilation failed */
    TEXT_IN_WORK,        /* a thread compiles it; it broadcasts when it is done */
    TEXT_BROKEN,         /* it cannot be compiled; this stays so */
    TEXT_READY = 1 << 30 /* or more: this plus the number of references */
};

/* In the cache. */
struct compiled {
    struct definitions *definitions;
    size_t bytes;
    uint32_t number;  /* of its text */
    atomic_bool used; /* again, since it was compiled or eviction passed it last */
    struct compiled *prev, *next;
};

struct text {
    char version[HASH_LENGTH];
    int64_t at; /* in the spill */
    uint32_t length;
    atomic_uint state;
    struct compiled *compiled; /* while it is ready */
};

struct definitions_texts {
    struct spill *spill; /* borrowed */
    struct text *items;
    uint32_t count, capacity;
    uint32_t *slots;     /* by version: the number of a text + 1; 0: free. At most three quarters are taken */
    uint32_t slot_count; /* a power of two, or 0 */
    size_t cache_bytes;

    pthread_mutex_t mutex;  /* for what follows */
    pthread_cond_t done;    /* a text is no longer in work */
    struct compiled *cache; /* eviction begins at the first */
    size_t cached_bytes;
    uint64_t compilations, evictions;
};

struct definitions_texts *definitions_texts_new(struct spill *spill, size_t cache_bytes)
{
    struct definitions_texts *texts = calloc(1, sizeof(*texts));
    if (!texts)
        return NULL;
    texts->spill = spill;
    texts->cache_bytes = cache_bytes;
    pthread_mutex_init(&texts->mutex, NULL);
    pthread_cond_init(&texts->done, NULL);
    return texts;
}

static void compiled_free(struct compiled *compiled)
{
    definitions_free(compiled->definitions);
    free(compiled);
}

void definitions_texts_free(struct definitions_texts *texts)
{
    if (!texts)
        return;
    struct compiled *compiled, *next;
    DL_FOREACH_SAFE(texts->cache, compiled, next)
    compiled_free(compiled);
    pthread_cond_destroy(&texts->done);
    pthread_mutex_destroy(&texts->mutex);
    free(texts->items);
    free(texts->slots);
    free(texts);
}

/* ---- texts by version ---- */

/* The slot of the text with this version, or the free one where it belongs. */
static uint32_t *slot_of(const struct definitions_texts *texts, const char version[HASH_LENGTH])
{
    for (uint64_t at = XXH3_64bits(version, HASH_LENGTH);; at++) {
        uint32_t *slot = &texts->slots[at & (texts->slot_count - 1)];
        if (*slot == 0 || memcmp(texts->items[*slot - 1].version, version, HASH_LENGTH) == 0)
            return slot;
    }
}

static bool grow_slots(struct definitions_texts *texts)
{
    uint32_t count = texts->slot_count ? texts->slot_count * 2 : 64;
    uint32_t *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return false;
    free(texts->slots);
    texts->slots = slots;
    texts->slot_count = count;
    for (uint32_t i = 0; i < texts->count; i++)
        *slot_of(texts, texts->items[i].version) = i + 1;
    return true;
}

/* Makes room for one more. */
static bool grow(struct definitions_texts *texts)
{
    if (texts->count == texts->capacity) {
        uint32_t capacity = texts->capacity ? texts->capacity + texts->capacity / 2 : 64;
        struct text *items = texts->count < UINT32_C(1) << 30 ? realloc(texts->items, capacity * sizeof(*items)) : NULL;
        if (!items)
            return false;
        texts->items = items;
        texts->capacity = capacity;
    }
    return texts->count < texts->slot_count / 4 * 3 || grow_slots(texts);
}

bool definitions_texts_add(struct definitions_texts *texts, struct span json, uint32_t *number)
{
    struct text text = {0};
    if (json.length > DEFINITIONS_READ_BYTES)
        json.length = DEFINITIONS_READ_BYTES + 1;
    hash_text(json, text.version);
    if (!grow(texts)) {
        errno = ENOMEM;
        return false;
    }
    uint32_t *slot = slot_of(texts, text.version);
    if (*slot == 0) {
        if (!spill_append(texts->spill, json, &text.at))
            return false;
        text.length = (uint32_t)json.length;
        texts->items[texts->count] = text;
        *slot = ++texts->count;
    }
    *number = *slot - 1;
    return true;
}

uint32_t definitions_texts_find(const struct definitions_texts *texts, const char version[HASH_LENGTH])
{
    return texts->count == 0 ? TEXT_NONE : *slot_of(texts, version) - 1;
}

/* ---- compiled ones ---- */

/* True if the text is ready: there is one more reference to it. *state is what it is otherwise. */
static bool refer(struct text *text, unsigned *state)
{
    *state = atomic_load(&text->state);
    while (*state >= TEXT_READY)
        if (atomic_compare_exchange_weak(&text->state, state, *state + 1))
            return true;
    return false;
}

/* New, or NULL: then *broken tells whether that is the text's fault. */
static struct compiled *compile(struct definitions_texts *texts, uint32_t number, bool *broken)
{
    const struct text *text = &texts->items[number];
    struct compiled *compiled = calloc(1, sizeof(*compiled));
    char *bytes = malloc((size_t)text->length + 1);
    struct definitions_fault *faults = NULL;
    bool is_read = compiled && bytes && spill_read(texts->spill, text->at, bytes, text->length);
    if (is_read)
        compiled->definitions = definitions_compile(span_of(bytes, text->length), &faults);
    *broken = faults != NULL;
    if (is_read && compiled->definitions) {
        compiled->bytes = sizeof(*compiled) + malloc_usable_size(compiled->definitions);
        compiled->number = number;
    } else {
        free(compiled);
        compiled = NULL;
    }
    if (*broken)
        log_warning("definitions are broken", LOG_SPAN("version", span_of(text->version, HASH_LENGTH)),
                    LOG_TEXT("path", faults->path), LOG_TEXT("error", faults->message));
    definitions_faults_free(faults);
    free(bytes);
    return compiled;
}

/* Evicts what the cache holds too much: nearly the least recently used first, but without a lock for each use. What was
 * used again since the last pass is passed once; what is referred to is passed. So two rounds find all that may go. */
static void evict(struct definitions_texts *texts)
{
    struct compiled *compiled;
    int count;
    if (texts->cached_bytes <= texts->cache_bytes)
        return;
    DL_COUNT(texts->cache, compiled, count);
    for (int i = 0; i < 2 * count && texts->cached_bytes > texts->cache_bytes && texts->cache; i++) {
        compiled = texts->cache;
        DL_DELETE(texts->cache, compiled);
        unsigned unreferenced = TEXT_READY;
        bool was_used = atomic_exchange(&compiled->used, false);
        if (was_used ||
            !atomic_compare_exchange_strong(&texts->items[compiled->number].state, &unreferenced, TEXT_NOT_COMPILED)) {
            DL_APPEND(texts->cache, compiled);
            continue;
        }
        texts->cached_bytes -= compiled->bytes;
        texts->evictions++;
        compiled_free(compiled);
    }
}

/* Under the mutex, for a text in work. */
static void put_compiled(struct definitions_texts *texts, struct text *text, struct compiled *compiled)
{
    texts->cached_bytes += compiled->bytes;
    DL_APPEND(texts->cache, compiled);
    text->compiled = compiled;
    atomic_store(&text->state, TEXT_READY + 1);
    evict(texts);
}

/* Refers to a text that was not ready a moment ago. */
static enum library_finding take_slowly(struct definitions_texts *texts, uint32_t number)
{
    struct text *text = &texts->items[number];
    enum library_finding finding = LIBRARY_FOUND;
    unsigned state;
    bool is_ready;
    pthread_mutex_lock(&texts->mutex);
    while (!(is_ready = refer(text, &state)) && state == TEXT_IN_WORK)
        pthread_cond_wait(&texts->done, &texts->mutex);
    if (!is_ready && state == TEXT_BROKEN)
        finding = LIBRARY_BROKEN;
    if (!is_ready && state == TEXT_NOT_COMPILED) {
        bool broken;
        atomic_store(&text->state, TEXT_IN_WORK);
        pthread_mutex_unlock(&texts->mutex);
        struct compiled *compiled = compile(texts, number, &broken);
        pthread_mutex_lock(&texts->mutex);
        if (compiled)
            put_compiled(texts, text, compiled);
        else
            atomic_store(&text->state, broken ? TEXT_BROKEN : TEXT_NOT_COMPILED);
        if (!compiled)
            finding = broken ? LIBRARY_BROKEN : LIBRARY_FAILED;
        texts->compilations += compiled || broken;
        pthread_cond_broadcast(&texts->done);
    }
    pthread_mutex_unlock(&texts->mutex);
    return finding;
}

enum library_finding definitions_texts_take(struct definitions_texts *texts, uint32_t number,
                                            const struct definitions **definitions)
{
    struct text *text = &texts->items[number];
    enum library_finding finding = LIBRARY_FOUND;
    unsigned state;
    if (refer(text, &state)) {
        if (!atomic_load_explicit(&text->compiled->used, memory_order_relaxed))
            atomic_store_explicit(&text->compiled->used, true, memory_order_relaxed);
    } else {
        finding = state == TEXT_BROKEN ? LIBRARY_BROKEN : take_slowly(texts, number);
    }
    if (finding == LIBRARY_FOUND)
        *definitions = text->compiled->definitions;
    return finding;
}

void definitions_texts_give_back(struct definitions_texts *texts, const struct definitions *definitions)
{
    uint32_t number = definitions_texts_find(texts, definitions->version);
    assert(number != TEXT_NONE && texts->items[number].compiled->definitions == definitions);
    unsigned before = atomic_fetch_sub(&texts->items[number].state, 1);
    assert(before > TEXT_READY);
    (void)before;
}

void definitions_texts_count(struct definitions_texts *texts, struct library_counts *counts)
{
    pthread_mutex_lock(&texts->mutex);
    counts->texts = texts->count;
    counts->compiled = texts->compilations;
    counts->evicted = texts->evictions;
    counts->cache_bytes = texts->cached_bytes;
    pthread_mutex_unlock(&texts->mutex);
}
