#include "worker/replay/recorded_replies.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "worker/replay/reply_block.h"

/* The entries of a block, while replies are read. */
struct bucket {
    int64_t last;                 /* the place of its last extent; NOWHERE: there is none */
    struct reply_extent *pending; /* the next extent; NULL: no entry waits */
};

/* A range, and its place among the buckets. */
struct cover {
    int32_t partition;
    int64_t from, to;
    size_t first; /* the bucket of the block that holds `from` */
};

struct recorded_replies {
    struct spill *spill;
    struct cover *covers;
    uint32_t cover_count;
    struct bucket *buckets;
    size_t bucket_count;
    size_t pending_count, pending_most;
    struct reply_checking checking;
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
    replies->pending_most = pending_bytes / sizeof(struct reply_extent) + 1;
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

void recorded_replies_free(struct recorded_replies *replies)
{
    if (!replies)
        return;
    reply_checking_close(&replies->checking);
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
    struct reply_extent *extent = bucket->pending;
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
    struct reply_extent *extent = bucket->pending;
    struct recorded_reply *added = &extent->entries[extent->count++];
    *added = *entry;
    added->at = at;
    added->length = (uint32_t)content.length;
    if (extent->count < EXTENT_ENTRIES || write_pending(replies, bucket))
        return true;
    extent->count--;
    return false;
}

struct reply_block *recorded_replies_block(struct recorded_replies *replies, int32_t partition, int64_t offset)
{
    const struct cover *cover = cover_of(replies, partition, offset);
    assert(cover);
    return reply_block_read(replies->spill, &replies->checking, block_number(offset) * REPLY_BLOCK,
                            bucket_of(replies, cover, offset)->last);
}
