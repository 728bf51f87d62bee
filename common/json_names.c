#include "common/json_names.h"

#include <xxhash.h>

/* Up to this many names are compared pair by pair, which is quicker than filling a hash table. */
#define PAIRWISE_MEMBERS 16

static struct span name_of(const char *text, const struct json_node *node)
{
    return span_of(text + node->name_at, node->name_length);
}

static uint32_t duplicate_by_pair(const char *text, const struct json_node *nodes, uint32_t object)
{
    for (uint32_t member = object + 1; member < nodes[object].next; member = nodes[member].next) {
        const struct span name = name_of(text, &nodes[member]);
        for (uint32_t before = object + 1; before < member; before = nodes[before].next) {
            if (span_equal(name_of(text, &nodes[before]), name))
                return member;
        }
    }
    return 0;
}

struct slot {
    uint32_t member; /* 0: free */
    uint32_t hash;
};

/* The slot of `name`, or the free one where it belongs. `size` is a power of two. */
static struct slot *slot_find(struct slot *slots, size_t size, uint64_t hash, struct span name, const char *text,
                              const struct json_node *nodes)
{
    for (size_t at = hash & (size - 1);; at = (at + 1) & (size - 1)) {
        struct slot *const slot = &slots[at];
        if (!slot->member ||
            (slot->hash == (uint32_t)(hash >> 32) && span_equal(name_of(text, &nodes[slot->member]), name)))
            return slot;
    }
}

static uint32_t duplicate_by_hash(const char *text, const struct json_node *nodes, uint32_t object, uint32_t members,
                                  uint64_t seed, struct arena *arena)
{
    const size_t mark = arena->used;
    size_t size = 1;
    while (size < 2 * (size_t)members)
        size *= 2;
    struct slot *const slots = arena_alloc(arena, size * sizeof(*slots));
    memset(slots, 0, size * sizeof(*slots));

    uint32_t duplicate = 0;
    for (uint32_t member = object + 1; member < nodes[object].next && !duplicate; member = nodes[member].next) {
        const struct span name = name_of(text, &nodes[member]);
        const uint64_t hash = XXH3_64bits_withSeed(name.at, name.length, seed);
        struct slot *const slot = slot_find(slots, size, hash, name, text, nodes);
        if (slot->member)
            duplicate = member;
        *slot = (struct slot){member, (uint32_t)(hash >> 32)};
    }
    arena_reset(arena, mark);
    return duplicate;
}

uint32_t json_names_duplicate(const char *text, const struct json_node *nodes, uint32_t object, uint64_t seed,
                              struct arena *arena)
{
    uint32_t members = 0;
    for (uint32_t member = object + 1; member < nodes[object].next; member = nodes[member].next)
        members++;
    if (members <= PAIRWISE_MEMBERS)
        return duplicate_by_pair(text, nodes, object);
    return duplicate_by_hash(text, nodes, object, members, seed, arena);
}
