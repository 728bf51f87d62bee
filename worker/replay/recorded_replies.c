#include "worker/replay/recorded_replies.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "worker/replay/presumed_reply.h"

#define EXTENT_ENTRIES 128

/* Arena bytes for the check of a presumed reply: its text, the copy that is parsed, and nodes of 24 bytes for every two
 * bytes. */
#define CHECK_PER_BYTE 32
#define CHECK_LEAST    4096

/* Entries of one block that are written together. */
struct extent {
    int64_t previous; /* the place of the block's extent before this one; NOWHERE: there is none */
    uint64_t count;
    struct recorded_reply entries[EXTENT_ENTRIES];
};

#define NOWHERE (-1)

/* The entries of a block, while replies are read. */
struct bucket {
    int64_t last;           /* the place of its last extent; NOWHERE: there is none */
    struct extent *pending; /* the next extent; NULL: no entry waits */
};

/* A range, and its place among the buckets. */
struct cover {
    int32_t partition;
    int64_t from, to;
    size_t first; /* the bucket of the block that holds `from` */
};

/* For checks of presumed replies while a block is read. Opened by the first one, and again for longer ones. */
struct checking {
    struct json_parser *parser;
    struct arena arena;
    size_t longest; /* that it takes; 0: it is not open */
};

struct recorded_replies {
    struct spill *spill;
    struct cover *covers;
    uint32_t cover_count;
    struct bucket *buckets;
    size_t bucket_count;
    size_t pending_count, pending_most;
    struct checking checking;
};

struct reply_block {
    atomic_int references;
    int64_t first;            /* the block's first offset */
    uint32_t at[REPLY_BLOCK]; /* by offset: 1 + the index of the earliest reply in `entries`; 0: there is none */
    struct recorded_reply *entries;
    uint32_t count, capacity;
};

static int64_t block_number(int64_t offset)
{
    return offset / REPLY_BLOCK;
}

struct recorded_replies *recorded_replies_new(const struct replay_ranges *ranges, struct spill *spill,
                                              size_t pending_bytes)
{
    struct recorded_replies *replies = calloc(1, sizeof(*replies));
    if (!replies)
        return NULL;
    replies->spill = spill;
    replies->pending_most = pending_bytes / sizeof(struct extent) + 1;
    replies->covers = calloc(ranges->count + 1, sizeof(*replies->covers));
    for (uint32_t i = 0; replies->covers && i < ranges->count; i++) {
        const struct replay_range *range = &ranges->items[i];
        if (range->from >= range->to)
            continue;
        replies->covers[replies->cover_count++] =
            (struct cover){range->partition, range->from, range->to, replies->bucket_count};
        replies->bucket_count += (size_t)(block_number(range->to - 1) - block_number(range->from)) + 1;
    }
    replies->buckets = calloc(replies->bucket_count + 1, sizeof(*replies->buckets));
    if (!replies->covers || !replies->buckets) {
        recorded_replies_free(replies);
        return NULL;
    }
    for (size_t i = 0; i < replies->bucket_count; i++)
        replies->buckets[i].last = NOWHERE;
    return replies;
}

static void checking_close(struct checking *checking)
{
    if (checking->longest > 0)
        arena_close(&checking->arena);
    json_parser_free(checking->parser);
    *checking = (struct checking){0};
}

void recorded_replies_free(struct recorded_replies *replies)
{
    if (!replies)
        return;
    checking_close(&replies->checking);
    for (size_t i = 0; replies->buckets && i < replies->bucket_count; i++)
        free(replies->buckets[i].pending);
    free(replies->buckets);
    free(replies->covers);
    free(replies);
}

/* The ranges are sorted by their partitions. */
static const struct cover *cover_of(const struct recorded_replies *replies, int32_t partition, int64_t offset)
{
    uint32_t low = 0, high = replies->cover_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct cover *cover = &replies->covers[middle];
        if (cover->partition == partition)
            return offset >= cover->from && offset < cover->to ? cover : NULL;
        if (cover->partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static struct bucket *bucket_of(struct recorded_replies *replies, const struct cover *cover, int64_t offset)
{
    return &replies->buckets[cover->first + (size_t)(block_number(offset) - block_number(cover->from))];
}

bool recorded_replies_covers(const struct recorded_replies *replies, int32_t partition, int64_t offset)
{
    return cover_of(replies, partition, offset) != NULL;
}

/* ---- Adding ---- */

static bool write_pending(struct recorded_replies *replies, struct bucket *bucket)
{
    struct extent *extent = bucket->pending;
    const size_t bytes = sizeof(*extent) - sizeof(extent->entries) + (size_t)extent->count * sizeof(extent->entries[0]);
    int64_t at;
    if (!spill_append(replies->spill, span_of((const char *)extent, bytes), &at))
        return false;
    bucket->last = at;
    bucket->pending = NULL;
    replies->pending_count--;
    free(extent);
    return true;
}

bool recorded_replies_seal(struct recorded_replies *replies)
{
    for (size_t i = 0; i < replies->bucket_count; i++)
        if (replies->buckets[i].pending && !write_pending(replies, &replies->buckets[i]))
            return false;
    return true;
}

static bool begin_pending(struct recorded_replies *replies, struct bucket *bucket)
{
    if (replies->pending_count >= replies->pending_most && !recorded_replies_seal(replies))
        return false;
    bucket->pending = calloc(1, sizeof(*bucket->pending));
    if (!bucket->pending)
        return false;
    bucket->pending->previous = bucket->last;
    replies->pending_count++;
    return true;
}

bool recorded_replies_add(struct recorded_replies *replies, int32_t command_partition,
                          const struct recorded_reply *entry, struct span content)
{
    const struct cover *cover = cover_of(replies, command_partition, entry->command);
    assert(cover);
    struct bucket *bucket = bucket_of(replies, cover, entry->command);
    int64_t at;
    if (content.length > UINT32_MAX) {
        errno = EFBIG;
        return false;
    }
    if (!spill_append(replies->spill, content, &at) || (!bucket->pending && !begin_pending(replies, bucket)))
        return false;
    struct extent *extent = bucket->pending;
    struct recorded_reply *added = &extent->entries[extent->count++];
    *added = *entry;
    added->at = at;
    added->length = (uint32_t)content.length;
    if (extent->count < EXTENT_ENTRIES || write_pending(replies, bucket))
        return true;
    extent->count--;
    return false;
}

/* ---- Looking up ---- */

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The order in which replies to one command count. */
static bool is_earlier(const struct recorded_reply *a, const struct recorded_reply *b)
{
    int order = compare(a->timestamp_ms, b->timestamp_ms);
    if (order == 0)
        order = compare(a->topic, b->topic);
    if (order == 0)
        order = compare(a->partition, b->partition);
    if (order == 0)
        order = compare(a->offset, b->offset);
    return order < 0;
}

static bool checking_open(struct checking *checking, size_t longest)
{
    if (longest <= checking->longest)
        return true;
    checking_close(checking);
    longest *= 2;
    checking->parser = json_parser_new(longest);
    if (!checking->parser || arena_open(&checking->arena, longest * CHECK_PER_BYTE + CHECK_LEAST) != 0)
        return false;
    checking->longest = longest;
    return true;
}

/* Sets *entry to the one of two replies to a command that counts. False with errno set. */
static bool entry_choose(struct recorded_replies *replies, struct recorded_reply *entry,
                         const struct recorded_reply *other)
{
    struct recorded_reply first = *entry, second = *other;
    if (is_earlier(other, entry)) {
        first = *other;
        second = *entry;
    }
    *entry = first;
    if (!first.is_presumed)
        return true;
    struct checking *checking = &replies->checking;
    if (!checking_open(checking, presumed_reply_bytes(&first)))
        return false;
    arena_reset(&checking->arena, 0);
    const enum presumed_finding finding =
        presumed_reply_check(&first, replies->spill, checking->parser, &checking->arena);
    *entry = finding == PRESUMED_WRONG ? second : first;
    return finding != PRESUMED_FAILED;
}

/* False with errno set. */
static bool block_take(struct recorded_replies *replies, struct reply_block *block, const struct recorded_reply *entry)
{
    uint32_t *at = &block->at[entry->command - block->first];
    if (*at != 0)
        return entry_choose(replies, &block->entries[*at - 1], entry);
    if (block->count == block->capacity) {
        const uint32_t capacity = block->capacity ? 2 * block->capacity : 1024;
        struct recorded_reply *grown = realloc(block->entries, capacity * sizeof(*grown));
        if (!grown)
            return false;
        block->entries = grown;
        block->capacity = capacity;
    }
    block->entries[block->count++] = *entry;
    *at = block->count;
    return true;
}

static bool block_read(struct recorded_replies *replies, struct reply_block *block, int64_t last)
{
    struct spill *spill = replies->spill;
    const size_t head = sizeof(struct extent) - EXTENT_ENTRIES * sizeof(struct recorded_reply);
    struct extent *extent = malloc(sizeof(*extent));
    bool is_read = extent != NULL;
    for (int64_t at = last; is_read && at != NOWHERE; at = extent->previous) {
        is_read =
            spill_read(spill, at, extent, head) && extent->count <= EXTENT_ENTRIES &&
            spill_read(spill, at + (int64_t)head, extent->entries, (size_t)extent->count * sizeof(extent->entries[0]));
        for (uint64_t i = 0; is_read && i < extent->count; i++)
            is_read = block_take(replies, block, &extent->entries[i]);
    }
    free(extent);
    return is_read;
}

struct reply_block *recorded_replies_block(struct recorded_replies *replies, int32_t partition, int64_t offset)
{
    const struct cover *cover = cover_of(replies, partition, offset);
    assert(cover);
    struct reply_block *block = calloc(1, sizeof(*block));
    if (!block)
        return NULL;
    atomic_init(&block->references, 1);
    block->first = block_number(offset) * REPLY_BLOCK;
    if (block_read(replies, block, bucket_of(replies, cover, offset)->last))
        return block;
    const int error = errno;
    reply_block_release(block);
    errno = error;
    return NULL;
}

struct reply_block *reply_block_share(struct reply_block *block)
{
    atomic_fetch_add(&block->references, 1);
    return block;
}

void reply_block_release(struct reply_block *block)
{
    if (!block || atomic_fetch_sub(&block->references, 1) > 1)
        return;
    free(block->entries);
    free(block);
}

bool reply_block_holds(const struct reply_block *block, int64_t offset)
{
    return offset >= block->first && offset < block->first + REPLY_BLOCK;
}

const struct recorded_reply *reply_block_find(const struct reply_block *block, int64_t offset)
{
    assert(reply_block_holds(block, offset));
    const uint32_t at = block->at[offset - block->first];
    return at == 0 ? NULL : &block->entries[at - 1];
}
