#include "worker/metrics/workspace_sketch.h"

#include <string.h>
#include <xxhash.h>

void workspace_sketch_clear(struct workspace_sketch *sketch)
{
    sketch->total = 0;
    sketch->used = sketch->least = sketch->cursor = 0;
    memset(sketch->heads, 0, sizeof(sketch->heads));
}

static uint8_t *sketch_head(struct workspace_sketch *sketch, uint64_t hash)
{
    return &sketch->heads[hash % SKETCH_HEADS];
}

/* The index of the key's counter, or SKETCH_COUNTERS. */
static uint32_t sketch_find(struct workspace_sketch *sketch, uint64_t hash, int32_t partition, struct span workspace)
{
    for (uint8_t link = *sketch_head(sketch, hash); link; link = sketch->next[link - 1]) {
        const struct sketch_key *key = &sketch->keys[link - 1];
        if (sketch->hashes[link - 1] == hash && key->partition == partition && key->length == workspace.length &&
            memcmp(key->workspace, workspace.at, workspace.length) == 0)
            return link - 1u;
    }
    return SKETCH_COUNTERS;
}

/* The index of a smallest counter. Counters only grow, so between two rises of the least one each is looked at once. */
static uint32_t sketch_smallest(struct workspace_sketch *sketch)
{
    for (uint32_t i = 0; i < SKETCH_COUNTERS; i++) {
        uint32_t index = (sketch->cursor + i) % SKETCH_COUNTERS;
        if (sketch->counts[index] > sketch->least)
            continue;
        sketch->cursor = index;
        return index;
    }
    uint32_t smallest = 0;
    for (uint32_t i = 1; i < SKETCH_COUNTERS; i++)
        if (sketch->counts[i] < sketch->counts[smallest])
            smallest = i;
    sketch->least = sketch->counts[smallest];
    sketch->cursor = smallest;
    return smallest;
}

static void sketch_unlink(struct workspace_sketch *sketch, uint32_t index)
{
    uint8_t *link = sketch_head(sketch, sketch->hashes[index]);
    while (*link != index + 1)
        link = &sketch->next[*link - 1];
    *link = sketch->next[index];
}

/* The counter that the key gets: a free one, or the smallest. */
static uint32_t sketch_take(struct workspace_sketch *sketch, uint64_t hash, int32_t partition, struct span workspace)
{
    uint32_t index = sketch->used;
    if (index < SKETCH_COUNTERS) {
        sketch->used++;
        sketch->counts[index] = sketch->errors[index] = 0;
    } else {
        index = sketch_smallest(sketch);
        sketch_unlink(sketch, index);
        sketch->errors[index] = sketch->counts[index];
    }
    uint8_t *head = sketch_head(sketch, hash);
    sketch->next[index] = *head;
    *head = (uint8_t)(index + 1);
    sketch->hashes[index] = hash;
    sketch->keys[index].partition = partition;
    sketch->keys[index].length = (uint8_t)workspace.length;
    memcpy(sketch->keys[index].workspace, workspace.at, workspace.length);
    return index;
}

void workspace_sketch_add(struct workspace_sketch *sketch, int32_t partition, struct span workspace, uint32_t amount)
{
    if (!workspace.at)
        workspace = SPAN("");
    if (workspace.length > WORKSPACE_ID_CHARACTERS)
        workspace.length = WORKSPACE_ID_CHARACTERS;
    uint64_t hash = XXH3_64bits_withSeed(workspace.at, workspace.length, (XXH64_hash_t)(uint32_t)partition);
    uint32_t index = sketch_find(sketch, hash, partition, workspace);
    if (index == SKETCH_COUNTERS)
        index = sketch_take(sketch, hash, partition, workspace);
    sketch->counts[index] += amount;
    sketch->total += amount;
}
