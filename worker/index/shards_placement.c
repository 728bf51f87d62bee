#include "worker/index/shards_placement.h"

#include <stdlib.h>

static int by_place(const void *one, const void *other)
{
    const struct shards_placement *a = one, *b = other;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    if (a->slot != b->slot)
        return a->slot < b->slot ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

void shards_placements_sort(struct shards_placement *placements, uint32_t count)
{
    qsort(placements, count, sizeof(*placements), by_place);
}

uint32_t shards_placements_slot_end(const struct shards_placement *placements, uint32_t count, uint32_t from)
{
    uint32_t to = from + 1;
    while (to < count && placements[to].slot == placements[from].slot)
        to++;
    return to;
}
