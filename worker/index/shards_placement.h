/* shards_placement: where commands or messages belong on a cluster, and their order: by node, by slot, and within a
 * slot as they came. */
#ifndef WORKER_INDEX_SHARDS_PLACEMENT_H
#define WORKER_INDEX_SHARDS_PLACEMENT_H

#include <stdint.h>

struct shards_placement {
    uint16_t node, slot;
    uint32_t number; /* among the commands of a batch, or the messages of a chunk */
};

void shards_placements_sort(struct shards_placement *placements, uint32_t count);

/* Behind the last one of the slot of `from`; they are sorted. */
uint32_t shards_placements_slot_end(const struct shards_placement *placements, uint32_t count, uint32_t from);

#endif
