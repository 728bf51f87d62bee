#include "worker/replay/reply_block.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "worker/replay/presumed_reply.h"

/* Arena bytes for the check of a presumed reply: its text, the copy that is parsed, and nodes of 24 bytes for every two
 * bytes. */
#define CHECK_PER_BYTE 32
#define CHECK_LEAST    4096

struct reply_block {
    atomic_int references;
    int64_t first;            /* the block's first offset */
    uint32_t at[REPLY_BLOCK]; /* by offset: 1 + the index of the earliest reply in `entries`; 0: there is none */
    struct recorded_reply *entries;
    uint32_t count, capacity;
};

void reply_checking_close(struct reply_checking *checking)
{
    if (checking->longest > 0)
        arena_close(&checking->arena);
    json_parser_free(checking->parser);
    *checking = (struct reply_checking){0};
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

static bool checking_open(struct reply_checking *checking, size_t longest)
{
    if (longest <= checking->longest)
        return true;
    reply_checking_close(checking);
    longest *= 2;
    checking->parser = json_parser_new(longest);
    if (!checking->parser || arena_open(&checking->arena, longest * CHECK_PER_BYTE + CHECK_LEAST) != 0)
        return false;
    checking->longest = longest;
    return true;
}

/* Sets *entry to the one of two replies to a command that counts. False with errno set. */
static bool entry_choose(struct spill *spill, struct reply_checking *checking, struct recorded_reply *entry,
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
    if (!checking_open(checking, presumed_reply_bytes(&first)))
        return false;
    arena_reset(&checking->arena, 0);
    const enum presumed_finding finding = presumed_reply_check(&first, spill, checking->parser, &checking->arena);
    *entry = finding == PRESUMED_WRONG ? second : first;
    return finding != PRESUMED_FAILED;
}

/* False with errno set. */
static bool block_take(struct spill *spill, struct reply_checking *checking, struct reply_block *block,
                       const struct recorded_reply *entry)
{
    uint32_t *at = &block->at[entry->command - block->first];
    if (*at != 0)
        return entry_choose(spill, checking, &block->entries[*at - 1], entry);
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

static bool block_fill(struct spill *spill, struct reply_checking *checking, struct reply_block *block, int64_t last)
{
    const size_t head = sizeof(struct reply_extent) - EXTENT_ENTRIES * sizeof(struct recorded_reply);
    struct reply_extent *extent = malloc(sizeof(*extent));
    bool is_read = extent != NULL;
    for (int64_t at = last; is_read && at != NOWHERE; at = extent->previous) {
        is_read =
            spill_read(spill, at, extent, head) && extent->count <= EXTENT_ENTRIES &&
            spill_read(spill, at + (int64_t)head, extent->entries, (size_t)extent->count * sizeof(extent->entries[0]));
        for (uint64_t i = 0; is_read && i < extent->count; i++)
            is_read = block_take(spill, checking, block, &extent->entries[i]);
    }
    free(extent);
    return is_read;
}

struct reply_block *reply_block_read(struct spill *spill, struct reply_checking *checking, int64_t first, int64_t last)
{
    struct reply_block *block = calloc(1, sizeof(*block));
    if (!block)
        return NULL;
    atomic_init(&block->references, 1);
    block->first = first;
    if (block_fill(spill, checking, block, last))
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
