#include "common/key_table.h"

#include <assert.h>
#include <xxhash.h>

uint32_t key_table_slots(uint32_t count)
{
    assert(count < UINT32_C(1) << 30);
    uint32_t slots = 2;
    while (slots < count * 2)
        slots *= 2;
    return slots;
}

void key_table_open(struct key_table *table, const struct span *keys, uint32_t *slots, uint32_t slot_count,
                    uint64_t seed)
{
    memset(slots, 0, slot_count * sizeof(*slots));
    *table = (struct key_table){.keys = keys, .slots = slots, .mask = slot_count - 1, .seed = seed};
}

/* The slot that holds `key`, or the free one where it belongs. */
static uint32_t *slot_of(const struct key_table *table, struct span key)
{
    uint32_t at = (uint32_t)XXH3_64bits_withSeed(key.at, key.length, table->seed) & table->mask;
    while (table->slots[at] != 0 && !span_equal(table->keys[table->slots[at] - 1], key))
        at = (at + 1) & table->mask;
    return &table->slots[at];
}

bool key_table_add(struct key_table *table, uint32_t index)
{
    uint32_t *slot = slot_of(table, table->keys[index]);
    if (*slot != 0)
        return false;
    *slot = index + 1;
    return true;
}

int key_table_find(const struct key_table *table, struct span key)
{
    return (int)*slot_of(table, key) - 1;
}
