#include "worker/index/record_places.h"

#include <stdlib.h>
#include <sys/random.h>
#include <xxhash.h>

/* There are many small tables, so growing one needs little extra memory. */
#define TABLES      256
#define FIRST_SLOTS 16

enum slot_state {
    SLOT_FREE,
    SLOT_REMOVED, /* the partition's last message of the key is a tombstone */
    SLOT_PENDING, /* it is a client that may not be written yet */
    SLOT_WRITTEN
};

/* The last message of a key in one partition. */
struct slot {
    uint64_t hash;
    uint32_t hash_rest;
    uint32_t state : 2, partition : 30;
    int64_t offset, timestamp_ms;
};

struct table {
    struct slot *slots;
    uint32_t capacity, count;
};

struct record_places {
    uint64_t seed;
    struct table tables[TABLES];
};

struct hash {
    uint64_t high;
    uint32_t rest;
    unsigned table;
};

struct record_places *record_places_new(void)
{
    struct record_places *places = calloc(1, sizeof(*places));
    if (places && getrandom(&places->seed, sizeof(places->seed), 0) == (ssize_t)sizeof(places->seed))
        return places;
    free(places);
    return NULL;
}

void record_places_free(struct record_places *places)
{
    if (!places)
        return;
    for (size_t i = 0; i < TABLES; i++)
        free(places->tables[i].slots);
    free(places);
}

static struct hash hash_of(const struct record_places *places, struct span key)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(key.at, key.length, places->seed);
    return (struct hash){hash.high64, (uint32_t)(hash.low64 >> 32), (unsigned)hash.low64 % TABLES};
}

/* Linear probing from the slot that the hash points to; a table has free slots. */
static uint32_t first_slot(const struct table *table, uint64_t hash)
{
    return (uint32_t)(((hash >> 32) * table->capacity) >> 32);
}

static uint32_t next_slot(const struct table *table, uint32_t at)
{
    return at + 1 == table->capacity ? 0 : at + 1;
}

static bool holds(const struct slot *slot, const struct hash *hash)
{
    return slot->hash == hash->high && slot->hash_rest == hash->rest;
}

static bool table_grow(struct table *table)
{
    struct table grown = {.capacity = table->capacity ? table->capacity + table->capacity / 2 : FIRST_SLOTS,
                          .count = table->count};
    grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].state == SLOT_FREE)
            continue;
        uint32_t at = first_slot(&grown, table->slots[i].hash);
        while (grown.slots[at].state != SLOT_FREE)
            at = next_slot(&grown, at);
        grown.slots[at] = table->slots[i];
    }
    free(table->slots);
    *table = grown;
    return true;
}

bool record_places_note(struct record_places *places, struct span key, const struct record_place *place, bool removed)
{
    struct hash hash = hash_of(places, key);
    struct table *table = &places->tables[hash.table];
    if ((uint64_t)table->count * 5 >= (uint64_t)table->capacity * 4 && !table_grow(table))
        return false;
    uint32_t at = first_slot(table, hash.high);
    struct slot *slot = &table->slots[at];
    while (slot->state != SLOT_FREE && !(holds(slot, &hash) && slot->partition == (uint32_t)place->partition)) {
        at = next_slot(table, at);
        slot = &table->slots[at];
    }
    if (slot->state != SLOT_FREE && slot->offset >= place->offset)
        return true;
    table->count += slot->state == SLOT_FREE;
    *slot = (struct slot){.hash = hash.high,
                          .hash_rest = hash.rest,
                          .state = removed ? SLOT_REMOVED : SLOT_PENDING,
                          .partition = (uint32_t)place->partition & 0x3fffffff,
                          .offset = place->offset,
                          .timestamp_ms = place->timestamp_ms};
    return true;
}

/* Among the partitions in which the key occurs, or NULL. */
static struct slot *find_last(const struct record_places *places, struct span key)
{
    struct hash hash = hash_of(places, key);
    const struct table *table = &places->tables[hash.table];
    struct slot *last = NULL;
    if (table->capacity == 0)
        return NULL;
    for (uint32_t at = first_slot(table, hash.high); table->slots[at].state != SLOT_FREE; at = next_slot(table, at)) {
        struct slot *slot = &table->slots[at];
        if (!holds(slot, &hash))
            continue;
        if (!last || slot->timestamp_ms > last->timestamp_ms ||
            (slot->timestamp_ms == last->timestamp_ms && slot->partition > last->partition))
            last = slot;
    }
    return last;
}

bool record_places_is_last(const struct record_places *places, struct span key, const struct record_place *place)
{
    const struct slot *last = find_last(places, key);
    return last && last->partition == (uint32_t)place->partition && last->offset == place->offset;
}

void record_places_write(struct record_places *places, struct span key)
{
    struct slot *last = find_last(places, key);
    if (last && last->state == SLOT_PENDING)
        last->state = SLOT_WRITTEN;
}

enum record_fate record_places_fate(const struct record_places *places, struct span key)
{
    static const enum record_fate fates[] = {[SLOT_FREE] = FATE_UNKNOWN,
                                             [SLOT_REMOVED] = FATE_REMOVED,
                                             [SLOT_PENDING] = FATE_PENDING,
                                             [SLOT_WRITTEN] = FATE_WRITTEN};
    const struct slot *last = find_last(places, key);
    return last ? fates[last->state] : FATE_UNKNOWN;
}
