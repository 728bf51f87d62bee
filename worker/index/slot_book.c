#include "worker/index/slot_book.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum distrust {
    DISTRUST_NOTHING,
    DISTRUST_NEXT, /* the epoch that is read next */
    DISTRUST_EPOCH /* `distrusted` */
};

struct entry {
    uint64_t connection;
    enum slot_trust trust;
    enum distrust distrust;
    uint32_t stamp; /* in the book's stamps; of a slot that was read or is sound */
    bool has_epoch;
    char epoch[EPOCH_LENGTH];
    char distrusted[EPOCH_LENGTH];
};

struct slot_book {
    char (
        *stamps)[SLOT_STAMP_BYTES]; /* all that were ever met: a few, since only failovers and moved slots make new ones
                                     */
    uint32_t stamp_count;
    struct slot_master masters[CLUSTER_MASTERS_MOST]; /* of the last look */
    bool is_complete[CLUSTER_MASTERS_MOST];
    size_t master_count;
    struct entry slots[REDIS_SLOTS];
};

size_t slot_stamp_text(const char *shard, uint64_t config_epoch, char text[SLOT_STAMP_BYTES])
{
    return (size_t)snprintf(text, SLOT_STAMP_BYTES, "%.*s %llu", CLUSTER_ID_LENGTH, shard,
                            (unsigned long long)config_epoch);
}

struct slot_book *slot_book_new(void)
{
    return calloc(1, sizeof(struct slot_book));
}

void slot_book_free(struct slot_book *book)
{
    if (book)
        free(book->stamps);
    free(book);
}

static void forget(struct entry *slot)
{
    slot->trust = TRUST_UNKNOWN;
}

/* What the last look has found of a connection; NULL if it was not there. */
static const struct slot_master *master_before(const struct slot_book *book, uint64_t connection)
{
    for (size_t i = 0; i < book->master_count; i++)
        if (book->masters[i].connection == connection)
            return &book->masters[i];
    return NULL;
}

static bool all_stayed(const struct slot_book *book, const struct slot_master *masters, size_t count)
{
    size_t stayed = 0;
    for (size_t i = 0; i < count; i++)
        stayed += masters[i].connection != 0 && master_before(book, masters[i].connection);
    return stayed == book->master_count && stayed == count;
}

/* Slots of this connection may have been elsewhere, and have lost keys there. */
static bool has_other_epoch(const struct slot_book *book, const struct slot_master *master)
{
    const struct slot_master *before = master_before(book, master->connection);
    return before && before->config_epoch != master->config_epoch;
}

void slot_book_follow(struct slot_book *book, const struct cluster_map *map, const struct slot_master *masters)
{
    static const struct slot_master nobody = {0, 0};
    const bool stayed = all_stayed(book, masters, map->count);
    bool may_have_come[CLUSTER_MASTERS_MOST] = {false};
    for (size_t i = 0; i < map->count; i++)
        may_have_come[i] = !stayed && has_other_epoch(book, &masters[i]);
    for (unsigned i = 0; i < REDIS_SLOTS; i++) {
        const uint16_t owner = map->owner[i];
        const bool is_served = owner != CLUSTER_NO_MASTER;
        const struct slot_master *master = is_served ? &masters[owner] : &nobody;
        struct entry *slot = &book->slots[i];
        if (slot->connection == master->connection && !(is_served && may_have_come[owner]))
            continue;
        slot->connection = master->connection;
        forget(slot);
    }
    bool is_complete[CLUSTER_MASTERS_MOST] = {false};
    for (size_t i = 0; i < map->count; i++)
        is_complete[i] = slot_book_is_complete(book, masters[i].connection);
    memcpy(book->is_complete, is_complete, sizeof(is_complete));
    memcpy(book->masters, masters, map->count * sizeof(*masters));
    book->master_count = map->count;
}

bool slot_book_is_of(const struct slot_book *book, const struct slot_master *masters, size_t count)
{
    const bool stayed = all_stayed(book, masters, count);
    bool is = true;
    for (size_t i = 0; i < count && is; i++)
        is = masters[i].connection == 0 ||
             (master_before(book, masters[i].connection) && (stayed || !has_other_epoch(book, &masters[i])));
    return is;
}

/* ---- readings ---- */

/* The number of the stamp; UINT32_MAX when out of memory, which no slot has. */
static uint32_t stamp_number(struct slot_book *book, struct span stamp)
{
    assert(stamp.length < SLOT_STAMP_BYTES);
    for (uint32_t i = book->stamp_count; i-- > 0;)
        if (span_equal(span_of_text(book->stamps[i]), stamp))
            return i;
    void *grown = realloc(book->stamps, ((size_t)book->stamp_count + 1) * sizeof(*book->stamps));
    if (!grown)
        return UINT32_MAX;
    book->stamps = grown;
    memcpy(book->stamps[book->stamp_count], stamp.at, stamp.length);
    book->stamps[book->stamp_count][stamp.length] = '\0';
    return book->stamp_count++;
}

static bool is_distrusted(struct entry *slot)
{
    if (slot->distrust == DISTRUST_NEXT) {
        slot->distrust = slot->has_epoch ? DISTRUST_EPOCH : DISTRUST_NOTHING;
        memcpy(slot->distrusted, slot->epoch, EPOCH_LENGTH);
    }
    return slot->distrust == DISTRUST_EPOCH && memcmp(slot->distrusted, slot->epoch, EPOCH_LENGTH) == 0;
}

static bool is_missing(struct span text)
{
    return !text.at || text.length == 0;
}

static enum slot_trust trust_of(struct slot_book *book, struct entry *slot, const struct slot_reading *reading,
                                struct span stamp, struct span topic)
{
    const bool is_other_topic = !is_missing(reading->records) && !span_equal(reading->records, topic);
    const bool distrusted = is_distrusted(slot);
    if (is_other_topic)
        return TRUST_FOREIGN;
    if (!slot->has_epoch)
        return reading->is_restored ? TRUST_BUSY : TRUST_LOST;
    if (distrusted || is_missing(reading->shard) || !span_equal(reading->shard, stamp))
        return TRUST_LOST;
    slot->stamp = stamp_number(book, stamp);
    if (slot->stamp == UINT32_MAX)
        return TRUST_UNKNOWN;
    return slot_book_is_complete(book, slot->connection) ? TRUST_SOUND : TRUST_READ;
}

void slot_book_read(struct slot_book *book, unsigned slot, const struct slot_reading *reading, struct span stamp,
                    struct span topic)
{
    struct entry *entry = &book->slots[slot];
    if (entry->trust != TRUST_UNKNOWN && entry->trust != TRUST_BUSY && entry->trust != TRUST_FOREIGN)
        return;
    entry->has_epoch = reading->epoch.at && reading->epoch.length == EPOCH_LENGTH;
    if (entry->has_epoch)
        memcpy(entry->epoch, reading->epoch.at, EPOCH_LENGTH);
    entry->trust = trust_of(book, entry, reading, stamp, topic);
}

static void settle(struct slot_book *book, uint64_t connection, enum slot_trust trust)
{
    for (unsigned i = 0; i < REDIS_SLOTS; i++)
        if (book->slots[i].connection == connection && book->slots[i].trust == TRUST_READ)
            book->slots[i].trust = trust;
}

static void note_complete(struct slot_book *book, uint64_t connection)
{
    for (size_t i = 0; i < book->master_count; i++)
        if (book->masters[i].connection == connection)
            book->is_complete[i] = true;
}

void slot_book_vouch(struct slot_book *book, uint64_t connection)
{
    note_complete(book, connection);
    settle(book, connection, TRUST_SOUND);
}

void slot_book_reject(struct slot_book *book, uint64_t connection)
{
    settle(book, connection, TRUST_LOST);
}

void slot_book_restored(struct slot_book *book, unsigned slot, struct span epoch, struct span stamp)
{
    struct entry *entry = &book->slots[slot];
    const uint64_t connection = entry->connection;
    assert(epoch.length == EPOCH_LENGTH);
    memcpy(entry->epoch, epoch.at, EPOCH_LENGTH);
    entry->has_epoch = true;
    entry->distrust = DISTRUST_NOTHING;
    entry->stamp = stamp_number(book, stamp);
    entry->trust = entry->stamp == UINT32_MAX ? TRUST_UNKNOWN : TRUST_SOUND;
    bool all = true;
    for (unsigned i = 0; i < REDIS_SLOTS && all; i++)
        all = book->slots[i].connection != connection || book->slots[i].trust == TRUST_SOUND;
    if (all)
        note_complete(book, connection);
}

/* ---- doubt ---- */

void slot_book_doubt(struct slot_book *book, unsigned slot)
{
    forget(&book->slots[slot]);
}

void slot_book_distrust(struct slot_book *book, unsigned slot)
{
    struct entry *entry = &book->slots[slot];
    const bool is_known = entry->has_epoch && (entry->trust == TRUST_READ || entry->trust == TRUST_SOUND);
    entry->distrust = is_known ? DISTRUST_EPOCH : DISTRUST_NEXT;
    memcpy(entry->distrusted, entry->epoch, EPOCH_LENGTH);
    forget(entry);
}

void slot_book_distrust_all(struct slot_book *book)
{
    for (unsigned i = 0; i < REDIS_SLOTS; i++)
        if (book->slots[i].trust != TRUST_LOST)
            slot_book_distrust(book, i);
    memset(book->is_complete, 0, sizeof(book->is_complete));
}

/* ---- questions ---- */

enum slot_trust slot_book_trust(const struct slot_book *book, unsigned slot)
{
    return book->slots[slot].trust;
}

uint64_t slot_book_connection(const struct slot_book *book, unsigned slot)
{
    return book->slots[slot].connection;
}

bool slot_book_is_complete(const struct slot_book *book, uint64_t connection)
{
    for (size_t i = 0; i < book->master_count; i++)
        if (connection != 0 && book->masters[i].connection == connection)
            return book->is_complete[i];
    return false;
}

unsigned slot_book_count(const struct slot_book *book, uint64_t connection, enum slot_trust trust)
{
    unsigned count = 0;
    for (unsigned i = 0; i < REDIS_SLOTS; i++)
        count += book->slots[i].trust == trust && (connection == 0 || book->slots[i].connection == connection);
    return count;
}

struct span slot_book_epoch(const struct slot_book *book, unsigned slot)
{
    const struct entry *entry = &book->slots[slot];
    return entry->has_epoch ? span_of(entry->epoch, EPOCH_LENGTH) : SPAN_NONE;
}

struct span slot_book_stamp(const struct slot_book *book, unsigned slot)
{
    return span_of_text(book->stamps[book->slots[slot].stamp]);
}
